/*
 * What pages do more when scripts run; without them everything works, too.
 *  - [data-live="referral notice"][id]: follows the hub when the watch stream says that one of these
 *    changed. Only what differs is replaced: focus, open details and what is typed stay. Rows are
 *    told apart by data-row. While somebody types in it, it waits behind a button.
 *  - form[data-draft="name"]: what is typed survives a reload, a crash and the end of the session,
 *    for this account, until it was sent, or a week has passed, or somebody signs out, or somebody
 *    else signs in. It is kept sealed; the key comes with the pages of this account alone. What is in
 *    [data-each-time] comes back on a reload alone: what one person agreed to is ticked for no other.
 *    [data-recalled="name"][hidden] tells of it, and its button clears the form.
 *  - button[data-copy="#id"][hidden]: copies what that element says.
 *  - button[data-print][hidden]: prints the page.
 *  - input[list][data-several]: what the list offers goes on behind a comma.
 *  - [data-countdown]: seconds that run down.
 * Words come from data-* of #told, the line that screen readers hear.
 */
const DRAFT = "draft:", SENT = "draft-sent", WEEK = 7 * 86400000, SOON = 250;
const told = document.getElementById("told");
const words = told?.dataset ?? {};
const count = (n, one, many) => (n === 1 ? one : many)?.replace("#", n) ?? "";
const tell = (text) => {
  if (told) told.textContent = text;
};

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

const keyOf = (node) => node.dataset?.row ?? (node.id || undefined);

/* What people did to an element is theirs: open details, typed text. */
function copyAttributes(now, fresh) {
  for (const { name } of [...now.attributes])
    if (!fresh.hasAttribute(name) && !(name === "open" && now.localName === "details")) now.removeAttribute(name);
  for (const { name, value } of fresh.attributes)
    if (now.getAttribute(name) !== value) now.setAttribute(name, value);
}

/* Makes the children of `now` like those of `fresh`; equal ones are not touched. */
function patch(now, fresh) {
  const keyed = new Map([...now.children].filter(keyOf).map((child) => [keyOf(child), child]));
  const wanted = [...fresh.childNodes];
  let at = now.firstChild;
  for (const node of wanted) {
    const key = keyOf(node), held = key ? keyed.get(key) : undefined;
    if (held && held !== at) now.insertBefore(held, at);
    const old = held ?? at;
    if (old && old.nodeName === node.nodeName && keyOf(old) === key) {
      at = old.nextSibling;
      if (old.isEqualNode(node)) continue;
      if (old.nodeType !== Node.ELEMENT_NODE) old.data = node.data;
      else {
        copyAttributes(old, node);
        patch(old, node);
      }
    } else {
      now.insertBefore(document.importNode(node, true), at);
      if (old && !key && old.nodeType === Node.TEXT_NODE) {
        at = old.nextSibling;
        old.remove();
      }
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

const rowsOf = (part) => new Map([...part.querySelectorAll("[data-row]")].map((row) => [row.dataset.row, row.textContent]));

/* @return how many rows are new or say something else now */
function replace(part, fresh) {
  const before = rowsOf(part), focused = document.activeElement;
  patch(part, fresh);
  if (focused !== document.activeElement) { /* it moved, or another stands for it */
    const href = focused.getAttribute("href");
    (focused.isConnected ? focused : [...part.querySelectorAll("a[href]")].find((link) => link.getAttribute("href") === href))
      ?.focus({ preventScroll: true });
  }
  let news = 0;
  for (const row of part.querySelectorAll("[data-row]")) {
    if (before.get(row.dataset.row) === row.textContent) continue;
    news++;
    row.classList.add("is-fresh");
  }
  return before.size || news ? news : 1;
}

const isTyping = (part) => {
  const field = document.activeElement;
  return part.contains(field) && field.matches("input:not([type=checkbox], [type=radio]), textarea, select");
};

let waiting = 0, bar;
function offer() {
  if (!bar) {
    bar = document.createElement("button");
    bar.type = "button";
    bar.className = "button primary news";
    bar.onclick = () => {
      bar.remove();
      bar = undefined;
      waiting = 0;
      document.activeElement?.blur();
      refresh();
    };
    document.body.append(bar);
  }
  bar.textContent = count(waiting, words.one, words.many);
  tell(bar.textContent);
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
    let news = 0;
    for (const part of live()) {
      const newer = fresh.getElementById(part.id);
      if (!newer || newer.isEqualNode(part)) continue;
      if (isTyping(part)) {
        waiting++;
        offer();
      } else news += replace(part, newer);
    }
    if (news) tell(count(news, words.one, words.many));
  } catch {
    /* The page as it is stays right enough; the next event tries again. */
  }
  refreshing = false;
  if (again) {
    again = false;
    refresh();
  }
}

let soon;
function watch(wait) {
  const socket = new WebSocket(new URL("/maillon.api.v1/watch", location.href.replace(/^http/, "ws")), "maillon.watch.v1");
  let opened = false;
  socket.onopen = () => {
    opened = true;
    if (wait) refresh(); /* something may have passed while it was down */
  };
  socket.onmessage = (message) => {
    const { kind } = JSON.parse(message.data);
    if (!live().some((part) => part.dataset.live.split(" ").includes(kind))) return;
    clearTimeout(soon);
    soon = setTimeout(refresh, SOON); /* one act is often several events */
  };
  socket.onclose = (event) => {
    if (event.code !== 1008) setTimeout(watch, opened ? 1000 : Math.min(60000, wait * 2 || 2000), opened ? 1000 : wait * 2 || 2000);
  };
}

if (live().length > 0) watch(0);

/* What waits before it is sent: the header of the page asks for the next one. */
for (const clock of document.querySelectorAll("[data-countdown]"))
  setInterval(() => (clock.textContent = Math.max(0, clock.textContent - 1)), 1000);

/* Copying. */

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

for (const button of document.querySelectorAll("[data-copy]")) {
  const source = document.querySelector(button.dataset.copy);
  if (!source || !navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
      tell(words.copied ?? "");
      button.classList.add("is-done");
    } catch {
      source.focus();
      source.select?.();
    }
  });
}

/* A sentence that goes with a choice fills the text it is for, until somebody writes their own. */
const sentences = [...document.querySelectorAll("[data-say]")];
for (const said of sentences)
  said.closest("label").querySelector("input").addEventListener("change", () => {
    const text = document.getElementById(said.dataset.say);
    if (!text.value || sentences.some((other) => other.textContent === text.value)) text.value = said.textContent;
  });

for (const field of document.querySelectorAll("input[list][data-several]")) {
  const options = [...field.list.options], names = options.map((option) => option.value);
  field.addEventListener("input", () => {
    const before = field.value.match(/.*[,;]/)?.[0] ?? "";
    options.forEach((option, i) => (option.value = before ? `${before} ${names[i]}` : names[i]));
  });
}

/* Drafts. */

const mine = DRAFT + (document.body.dataset.account ?? "") + ":";
const fields = (form) =>
  [...form.elements].filter((field) => field.name && !["hidden", "password", "submit", "file"].includes(field.type)
    && field.autocomplete !== "one-time-code");
const isBox = (field) => field.type === "checkbox" || field.type === "radio";

/* The name goes in, so that no draft stands for another. */
const key = document.body.dataset.key && crypto.subtle?.importKey("raw", Uint8Array.from(
  document.body.dataset.key.match(/../g), (hex) => parseInt(hex, 16)), "AES-GCM", false, ["encrypt", "decrypt"]);
const bytes = (text) => new TextEncoder().encode(text);
const how = (name, iv) => ({ name: "AES-GCM", iv, additionalData: bytes(name) });
const toText = (data) => btoa(Array.from(new Uint8Array(data), (byte) => String.fromCharCode(byte)).join(""));
const fromText = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

let turn = Promise.resolve(), left = false;
const touched = new WeakSet();
function remember(form) {
  touched.add(form);
  const name = mine + form.dataset.draft, at = Date.now(), iv = crypto.getRandomValues(new Uint8Array(12));
  const values = fields(form).map((field) => [field.name, isBox(field) ? field.checked && field.value : field.value]);
  turn = turn.then(async () => {
    const sealed = await crypto.subtle.encrypt(how(name, iv), await key, bytes(JSON.stringify(values)));
    if (!left) localStorage.setItem(name, JSON.stringify({ at, iv: toText(iv), sealed: toText(sealed) }));
  }).catch(() => {});
}

async function kept(name) {
  try {
    const { iv, sealed } = JSON.parse(localStorage.getItem(name));
    const text = await crypto.subtle.decrypt(how(name, fromText(iv)), await key, fromText(sealed));
    return JSON.parse(new TextDecoder().decode(text));
  } catch {
    return []; /* none, or under another key */
  }
}

/* How the browser came here: "navigate" is a visit of its own. */
const came = performance.getEntriesByType?.("navigation")[0]?.type ?? "navigate";
const state = (form) => fields(form).map((field) => (isBox(field) ? field.checked : field.value)).join("\n");

function tellRecalled(form) {
  const told = document.querySelector(`[data-recalled="${form.dataset.draft}"]`);
  if (!told) return;
  told.hidden = false;
  told.querySelector("button").onclick = () => {
    localStorage.removeItem(mine + form.dataset.draft);
    form.reset();
    told.hidden = true;
    fields(form)[0]?.focus();
  };
}

async function recall(form) {
  const values = await kept(mine + form.dataset.draft), before = state(form);
  if (touched.has(form)) return; /* somebody was faster */
  for (const field of fields(form)) {
    if (came === "navigate" && field.closest("[data-each-time]")) continue;
    const at = values.findIndex(([name, value]) => name === field.name && (field.type !== "radio" || value === field.value));
    if (at < 0) {
      if (field.type === "radio" && values.some(([name, value]) => name === field.name && value)) field.checked = false;
      continue;
    }
    const [, value] = values.splice(at, 1)[0];
    if (isBox(field)) field.checked = value === field.value;
    else field.value = value;
    const fold = value && field.closest("details");
    if (fold && !isBox(field)) fold.open = true;
  }
  if (state(form) !== before) tellRecalled(form);
}

/* Back on a form that was sent, browsers show again what they remember: it is for the next person. */
function forget(form) {
  if (came === "back_forward" && !touched.has(form) && localStorage.getItem(mine + form.dataset.draft) === null) form.reset();
}

const drafts = (test) => Object.keys(localStorage).filter((key) => key.startsWith(DRAFT)).filter(test)
  .forEach((key) => localStorage.removeItem(key));

/* Was what was sent last taken? Yes where the page says so, or counts down before it goes; no where it
 * shows what is wrong or asks who it is. A page in between, such as a last look, leaves it open. */
function settle() {
  const sent = sessionStorage.getItem(SENT);
  const refused = document.querySelector('form[action="/sign-in"], #failure');
  const taken = document.querySelector(".flash, [data-countdown]");
  if (refused || taken) sessionStorage.removeItem(SENT);
  if (sent && taken && !refused) localStorage.removeItem(sent);
}

const isFresh = ({ at, sealed }) => sealed && at > Date.now() - WEEK;

try {
  drafts((key) => !isFresh(JSON.parse(localStorage.getItem(key))));
  if (document.body.dataset.account) drafts((key) => !key.startsWith(mine)); /* of who sat here before */
  settle();
  /* On a shared computer nothing stays behind. */
  for (const form of document.querySelectorAll('form[action="/sign-out"]'))
    form.addEventListener("submit", () => {
      left = true;
      drafts((key) => key.startsWith(mine));
    });
  for (const form of document.querySelectorAll("form[data-draft]")) {
    form.addEventListener("input", () => remember(form));
    form.addEventListener("submit", () => sessionStorage.setItem(SENT, mine + form.dataset.draft));
    if (document.querySelector("#failure")) continue;
    recall(form);
    addEventListener("pageshow", () => forget(form));
  }
} catch {
  /* No storage here: drafts are not kept. */
}
