/* Is there a page that nobody looks at? The daemon's own table of pages, and the links that each
 * account finds by following them, beside the pages that stories list or photograph. */
import fs from "node:fs";
import path from "node:path";
import * as lib from "./lib.mjs";
import { address } from "./checks.mjs";

const SAME_KIND = 3; /* pages of one row of the table that are followed, for each account */
const ACCOUNTS = [["town", "marie"], ["town", "lea"], ["town", "alix"], ["mulots", "paul"], ["town", ""]];

/** Every GET row of hub/web/pages_*.c: [{ path: "/referrals/:id", matches }]. */
export function readRows(root) {
  const folder = path.join(root, "hub", "web");
  const rows = [];
  for (const name of fs.readdirSync(folder).filter((file) => /^pages.*\.c$/.test(file)))
    for (const [, pattern] of fs.readFileSync(path.join(folder, name), "utf8")
      .matchAll(/\.method\s*=\s*"GET",\s*\.path\s*=\s*"([^"]+)"/g)) {
      const matches = new RegExp(`^${pattern.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/:[^/]+/g, "[^/]+")}$`);
      rows.push({ path: pattern, matches });
    }
  /* As the router does: a row without names in it goes first. */
  return rows.sort((a, b) => a.path.split(":").length - b.path.split(":").length);
}

const rowOf = (rows, where) => rows.find((row) => row.matches.test(where));

/** Follows links like somebody who tries everything. @return what does not work, one a line. */
export async function crawl(world, rows) {
  const broken = [], found = new Set();
  for (const [hub, who] of ACCOUNTS) {
    const page = await lib.open(world, { who, hub });
    const waiting = [[who ? "/" : "/sign-in", "the start"]], seen = new Set(), visits = new Map();
    while (waiting.length) {
      const [where, from] = waiting.shift();
      const row = rowOf(rows, new URL(where, world[hub]).pathname);
      const kind = row?.path ?? new URL(where, world[hub]).pathname;
      if (seen.has(where) || (visits.get(kind) ?? 0) >= SAME_KIND * 2) continue;
      seen.add(where);
      visits.set(kind, (visits.get(kind) ?? 0) + 1);
      const answer = await page.request.get(where);
      if (answer.status() >= 400) broken.push(`${who || "a visitor"} is led from ${from} to ${where}: ${answer.status()}`);
      if (row) found.add(row.path);
      if (!answer.headers()["content-type"]?.startsWith("text/html")) continue;
      const html = await answer.text();
      for (const [, href] of html.matchAll(/<(?:a|area)\b[^>]*?\bhref="([^"]+)"/g)) {
        const url = new URL(href.replaceAll("&amp;", "&").replaceAll("&#39;", "'"), answer.url());
        if (url.origin === world[hub] && !url.searchParams.has("lang")) waiting.push([url.pathname + url.search, kind]);
      }
    }
    await page.context().close();
  }
  return { broken, found };
}

/** Rows of the table that no story lists, photographs, or says that it takes inside a test. */
export function unseen(world, stories, rows) {
  const shown = new Set(world.photographed);
  for (const story of stories) {
    for (const page of story.pages ?? []) shown.add(new URL(address(world, page), world.town).pathname);
    for (const where of story.taken ?? []) shown.add(where);
  }
  const covered = new Set();
  for (const where of shown) {
    const row = rowOf(rows, where);
    if (row) covered.add(row.path);
  }
  return rows.map((row) => row.path).filter((pattern) => !covered.has(pattern) && !shown.has(pattern));
}
