/*
 * What pages do more when scripts run; without them everything works, too.
 *  - [data-live="referral notice"]: shown again when the watch stream says that one of these changed.
 *  - form[data-draft="name"]: what is typed survives a reload, until it was sent.
 */
const DRAFT = "draft:", SENT = "draft-sent";

/* Live parts. */

const live = () => [...document.querySelectorAll("[data-live][id]")];

/* A Document made by the browser: no text of ours becomes markup. */
function load(url) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", url);
    request.responseType = "document";
    request.onload = () => (request.status === 200 && request.response ? resolve(request.response) : reject());
    request.onerror = reject;
    request.send();
  });
}

function replace(part, fresh) {
  if (fresh.isEqualNode(part)) return;
  const focused = part.contains(document.activeElement) && document.activeElement.getAttribute("href");
  part.replaceChildren(...[...fresh.childNodes].map((node) => document.importNode(node, true)));
  if (focused) [...part.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
}

let refreshing = false, again = false;
async function refresh() {
  if (refreshing) {
    again = true;
    return;
  }
  refreshing = true;
  try {
    const fresh = await load(location.href);
    for (const part of live()) {
      const newer = fresh.getElementById(part.id);
      if (newer) replace(part, newer);
    }
  } catch {
    /* The page as it is stays right enough; the next event tries again. */
  }
  refreshing = false;
  if (again) {
    again = false;
    refresh();
  }
}

function watch(wait) {
  const socket = new WebSocket(new URL("/maillon.api.v1/watch", location.href.replace(/^http/, "ws")), "maillon.watch.v1");
  let opened = false;
  socket.onopen = () => {
    opened = true;
    if (wait) refresh(); /* something may have passed while it was down */
  };
  socket.onmessage = (message) => {
    const { kind } = JSON.parse(message.data);
    if (live().some((part) => part.dataset.live.split(" ").includes(kind))) refresh();
  };
  socket.onclose = (event) => {
    if (event.code !== 1008) setTimeout(watch, opened ? 1000 : Math.min(60000, wait * 2 || 2000), opened ? 1000 : wait * 2 || 2000);
  };
}

if (live().length > 0) watch(0);

/* Drafts. */

const fields = (form) =>
  [...form.elements].filter((field) => field.name && !["hidden", "password", "submit", "file"].includes(field.type));

function remember(form) {
  const values = fields(form).map((field) =>
    [field.name, field.type === "checkbox" || field.type === "radio" ? field.checked && field.value : field.value]);
  localStorage.setItem(DRAFT + form.dataset.draft, JSON.stringify(values));
}

function recall(form) {
  const values = JSON.parse(localStorage.getItem(DRAFT + form.dataset.draft) ?? "[]");
  for (const field of fields(form)) {
    const at = values.findIndex(([name, value]) => name === field.name && (field.type !== "radio" || value === field.value));
    if (at < 0) continue;
    const [, value] = values.splice(at, 1)[0];
    if (field.type === "checkbox" || field.type === "radio") field.checked = value === field.value;
    else if (!field.value) field.value = value;
  }
}

try {
  const forms = [...document.querySelectorAll("form[data-draft]")];
  const sent = sessionStorage.getItem(SENT);
  sessionStorage.removeItem(SENT);
  if (sent && !document.querySelector(".failure") && document.readyState !== "loading") localStorage.removeItem(DRAFT + sent);
  for (const form of forms) {
    if (!document.querySelector(".failure")) recall(form);
    form.addEventListener("input", () => remember(form));
    form.addEventListener("submit", () => sessionStorage.setItem(SENT, form.dataset.draft));
  }
  /* On a shared computer nothing stays behind. */
  for (const form of document.querySelectorAll('form[action="/sign-out"]'))
    form.addEventListener("submit", () => Object.keys(localStorage).filter((key) => key.startsWith(DRAFT)).forEach((key) => localStorage.removeItem(key)));
} catch {
  /* No storage here: drafts are not kept. */
}
