/* What every page is checked for: bytes, scripts on and off, axe in every look, small windows, the
 * keyboard, large enough text and targets. Pictures of it go to world.screens. */
import path from "node:path";
import * as lib from "./lib.mjs";

const WIDTHS = [320, 768, 1280];
/* A window of 1280 by 1024 zoomed to 400 % (WCAG 1.4.10). */
const ZOOMED = { width: 320, height: 256 };

export const address = (world, shown) => (typeof shown.path === "function" ? shown.path(world) : shown.path);

/** Answers and bytes of one visit, assets too. */
export async function visit(page, where) {
  const bytes = { html: 0, css: 0, js: 0, svg: 0 };
  const done = [];
  const weigh = (response) => done.push(response.body().then((body) => {
    const kind = new URL(response.url()).pathname.match(/\.(css|js|svg)$/)?.[1] ?? "html";
    bytes[kind] += body.length;
  }, () => {}));
  page.on("response", weigh);
  const response = await page.goto(where);
  await page.waitForLoadState("load");
  await Promise.all(done);
  page.off("response", weigh);
  return { response, bytes, total: Object.values(bytes).reduce((sum, one) => sum + one, 0) };
}

async function looks(world, page, shown) {
  const picture = (look, width) =>
    page.screenshot({ path: path.join(world.screens, `${shown.name}-${look}-${width}.png`), fullPage: true });
  for (const lang of ["en", "fr"]) {
    await page.context().addCookies([{ name: "maillon-lang", value: lang, url: world[shown.hub ?? "town"] }]);
    await page.goto(address(world, shown));
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      lib.equal(await lib.overflow(page), "", `${lang}, ${width} px wide, it scrolls sideways`);
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        lib.equal((await lib.axe(world, page)).join("\n  "), "", `${lang}, ${colorScheme}, ${width} px wide: axe`);
        await picture(`${lang}-${colorScheme}`, width);
      }
      await page.emulateMedia({ colorScheme: "light" });
    }
  }
}

/** Text and controls that are cut, and what stays put over the rest. */
async function cutOff(page) {
  return page.evaluate(() => {
    const name = (e) => `${e.tagName}.${e.className?.baseVal ?? e.className} "${(e.innerText ?? "").trim().slice(0, 40)}"`;
    const found = [];
    let covered = 0;
    for (const e of document.querySelectorAll("body *")) {
      if (!e.checkVisibility() || e.closest("svg, .unseen, option")) continue;
      const style = getComputedStyle(e);
      if (e.innerText?.trim() && e.clientWidth > 1 &&
          ((/hidden|clip/.test(style.overflowX) && e.scrollWidth > e.clientWidth + 1) ||
           (/hidden|clip/.test(style.overflowY) && e.scrollHeight > e.clientHeight + 1))) found.push(`cut: ${name(e)}`);
      if (style.position === "fixed" || style.position === "sticky") {
        const { left, right, height } = e.getBoundingClientRect();
        if (right > 0 && left < innerWidth) covered += height;
      }
    }
    if (covered > innerHeight / 3) found.push(`${covered} of ${innerHeight} px are covered by what stays put`);
    return found.join("\n");
  });
}

/** All that takes part in Tab, in the order of the document; one of each group of radio buttons. */
function listStops() {
  const stops = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, iframe, [tabindex]")]
    .filter((e) => e.tabIndex >= 0 && !e.disabled && e.checkVisibility({ visibilityProperty: true }))
    .filter((e, at, all) => e.type !== "radio" || !e.name ||
      e === (all.find((o) => o.type === "radio" && o.form === e.form && o.name === e.name && o.checked)
        ?? all.find((o) => o.type === "radio" && o.form === e.form && o.name === e.name)));
  window.tabStops = stops;
  document.activeElement?.blur();
  return stops.map((e) => `${e.tagName.toLowerCase()} ${e.id || e.name || e.getAttribute("href") || e.innerText?.trim().slice(0, 40)}`);
}

/** Where the focus is: its place in the list, whether it shows, whether it is covered. */
function lookAtFocus() {
  const e = document.activeElement;
  if (!e || e === document.body || e === document.documentElement) return { at: -2 };
  const outlined = [null, "::before", "::after"].map((part) => getComputedStyle(e, part))
    .some((style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2);
  const rect = [...e.getClientRects()].find((r) => r.width && r.height) ?? e.getBoundingClientRect();
  const left = Math.max(rect.left, 0), right = Math.min(rect.right, innerWidth);
  const top = Math.max(rect.top, 0), bottom = Math.min(rect.bottom, innerHeight);
  const own = (x, y) => {
    const there = document.elementFromPoint(x, y);
    return there && (e.contains(there) || there.contains(e) && there !== document.body || there.closest("label")?.control === e);
  };
  const seen = right - left > 1 && bottom - top > 1
    && [0.5, 0.1, 0.9].some((part) => own(left + (right - left) * part, top + (bottom - top) * part));
  return {
    at: window.tabStops.indexOf(e), tag: e.outerHTML.slice(0, 90), seen, outlined,
    scrolls: e.scrollHeight > e.clientHeight || e.scrollWidth > e.clientWidth,
  };
}

/** Tab goes to everything once, in the order of the document, shows where it is, and comes out again. */
async function keyboard(page, where) {
  const names = await page.evaluate(listStops);
  const order = [];
  /* The parts of a date are stops of their own inside one field. */
  for (let presses = 0; ; presses++) {
    lib.ok(presses < 8 * names.length + 20, `${where}: Tab does not come out of ${order.slice(-3).map((at) => names[at]).join(", ")}`);
    await page.keyboard.press("Tab");
    const now = await page.evaluate(lookAtFocus);
    /* Out of the page; after a field with autofocus, the round did not begin at the top. */
    if (now.at === -2 && !order.includes(0)) continue;
    if (now.at === -2 || (order.length > 1 && now.at === order[0] && now.at !== order.at(-1))) break;
    if (now.at < 0) {
      lib.ok(now.scrolls, `${where}: Tab stops at ${now.tag}`);
      continue;
    }
    if (now.at === order.at(-1)) {
      if (names.length === 1) break;
      continue;
    }
    order.push(now.at);
    lib.ok(now.outlined, `${where}: the focus does not show on ${now.tag}`);
    lib.ok(now.seen, `${where}: the focus is hidden on ${now.tag}`);
  }
  const first = order.indexOf(0);
  const round = [...order.slice(first), ...order.slice(0, Math.max(first, 0))];
  lib.equal(round.map((at) => names[at]).join("\n"), names.join("\n"), `${where}: what Tab reaches`);
}

async function small(page) {
  return page.evaluate(() => [
    ...[...document.querySelectorAll(".button, button, input:not([type=hidden], [type=checkbox], [type=radio]), select")]
      .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 43.9).map((e) => `low: ${e.outerHTML.slice(0, 80)}`),
    ...[...document.querySelectorAll("body *")].filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())
      && parseFloat(getComputedStyle(e).fontSize) < 16).map((e) => `small: ${e.outerHTML.slice(0, 80)}`)].join("\n"));
}

/** Everything that needs a window, in one window. */
async function inAWindow(world, shown) {
  const page = await lib.open(world, { who: shown.who, hub: shown.hub, colorScheme: "light", reducedMotion: "reduce", bypassCSP: true });
  try {
    await looks(world, page, shown);
    await page.setViewportSize({ width: 1280, height: 900 });
    lib.equal(await cutOff(page), "", "1280 px wide");
    await keyboard(page, "1280 px wide");
    await page.setViewportSize(ZOOMED);
    await page.goto(address(world, shown));
    lib.equal(await lib.overflow(page), "", "at 400 % zoom it scrolls sideways");
    lib.equal(await cutOff(page), "", "at 400 % zoom");
    await keyboard(page, "at 400 % zoom");
    await page.setViewportSize({ width: 320, height: 700 });
    lib.equal(await small(page), "", "targets under 44 px or text under 16 px");
    await page.addStyleTag({ content: "* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important } p { margin-bottom: 2em !important }" });
    lib.equal(await lib.overflow(page), "", "with wider spacing (WCAG 1.4.12) it scrolls sideways");
  } finally {
    await page.context().close();
  }
}

/** The tests of one page of a story: [name, run]. LOOKS=no: what does not need to be seen. */
export const checksOf = (world, shown) => allChecks(world, shown).slice(0, process.env.LOOKS === "no" ? 2 : 3);

const allChecks = (world, shown) => [
  [`${shown.name}: shown without errors, at most 100 KB in all`, async () => {
    const page = await lib.open(world, { who: shown.who, hub: shown.hub });
    const { response, total } = await visit(page, address(world, shown));
    lib.equal(response.status(), shown.status ?? 200, "status");
    lib.ok(total <= 100 * 1024, `${total} bytes`);
    lib.equal(page.problems.join("\n"), "", "errors in the console");
    await page.context().close();
  }],
  [`${shown.name}: the same without scripts`, async () => {
    const page = await lib.open(world, { who: shown.who, hub: shown.hub, javaScriptEnabled: false });
    await page.goto(address(world, shown));
    lib.equal(await page.locator("main h1").count(), 1, "headings");
    lib.ok((await page.title()).length > 3, "a title");
    await page.context().close();
  }],
  [`${shown.name}: no axe violation in fr, en, light, dark, at 320, 768, 1280 px and 400 %; by keyboard`,
    () => inAWindow(world, shown)],
];

/** The first page on "Regular 2G" as browsers' tools simulate it, with an empty cache. */
export async function slowLoad(world, who) {
  const page = await lib.open(world, { who });
  const { bytes, total } = await visit(page, "/");
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Network.enable");
  await cdp.send("Network.setCacheDisabled", { cacheDisabled: true });
  await cdp.send("Network.emulateNetworkConditions",
    { offline: false, latency: 300, downloadThroughput: 250 * 1000 / 8, uploadThroughput: 50 * 1000 / 8 });
  const begin = Date.now();
  await page.goto("/", { waitUntil: "load" });
  /* The simulation delays each request, but not the handshakes of TCP and TLS 1.3 before them. */
  const seconds = (Date.now() - begin) / 1000 + 2 * 0.3;
  await page.context().close();
  return { bytes, total, seconds };
}
