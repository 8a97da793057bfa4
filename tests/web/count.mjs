/* What a task costs a person: screens, fields, key presses, seconds. A story acts through a hand:
 *   const hand = count(page);
 *   await hand.fill("#need", "…"); await hand.check("[value=spoken]"); await hand.press("Tab");
 *   await hand.click("main .button.primary");
 *   hand.done(world, "a referral", { screens: 3, fields: 6, presses: 12, seconds: 60 });
 * The limits are those of PRODUCT.md section 6; test_web.mjs prints all counts when it ends.
 */

/* Seconds of a person by the keystroke-level model (Card, Moran and Newell 1980): a key of somebody
 * who types without training, to point at something, to press a button, to think before each act. */
const KEY = 0.28, POINT = 1.1, BUTTON = 0.2, THINK = 1.35;

export function count(page) {
  const screens = new Set(), fields = new Set();
  let shown = 0, presses = 0, seconds = 0, url = page.url();
  const walked = (frame) => {
    const next = frame.url().replace(/#.*/, "");
    if (frame === page.mainFrame() && next !== url) shown++;
    url = next;
  };
  page.on("framenavigated", walked);
  const at = (where) => (typeof where === "string" ? page.locator(where) : where);
  const act = async (cost, run) => {
    const before = Date.now();
    screens.add(shown); /* a page that is only looked at at the end is no screen of the task */
    const got = await run();
    seconds += cost + (Date.now() - before) / 1000; /* the machine's share is what it really took */
    return got;
  };
  const field = (name) => fields.add(`${shown} ${name}`);
  const nameOf = (locator) => locator.evaluate((e) => `${e.form?.action} ${e.name || e.id}`);

  return {
    /** Text into a field that is reached with one press (Tab, or a tap). */
    async fill(where, text) {
      field(await nameOf(at(where)));
      presses++;
      await act(THINK + POINT + BUTTON + KEY * text.length, () => at(where).fill(text));
    },
    /** Text into the field that has the focus. */
    async type(text) {
      field(await page.evaluate(() => `${document.activeElement.form?.action} ${document.activeElement.name}`));
      await act(THINK + KEY * text.length, () => page.keyboard.insertText(text));
    },
    async check(where) {
      field(await nameOf(at(where)));
      presses++;
      await act(THINK + POINT + BUTTON, () => at(where).check());
    },
    async choose(where, option) {
      field(await nameOf(at(where)));
      presses++;
      await act(THINK + 2 * (POINT + BUTTON), () => at(where).selectOption(option));
    },
    async click(where) {
      presses++;
      await act(THINK + POINT + BUTTON, () => at(where).click());
    },
    async press(key) {
      presses++;
      await act(KEY, () => page.keyboard.press(key));
    },
    get numbers() {
      return { screens: screens.size, fields: fields.size, presses, seconds: Math.round(seconds) };
    },
    /** Keeps the numbers for the table, and throws when one is over its limit. */
    done(world, task, limits = {}) {
      page.off("framenavigated", walked);
      const numbers = this.numbers;
      (world.counts ??= []).push({ task, numbers, limits });
      const over = Object.keys(limits).filter((what) => numbers[what] > limits[what]);
      if (over.length) throw new Error(`${task}: ${over.map((what) => `${numbers[what]} ${what}, at most ${limits[what]}`).join("; ")}`);
      return numbers;
    },
  };
}

/** The table of all tasks counted: "3 of 3" is what it took and what it may take. */
export function printCounts(world) {
  if (!world.counts?.length) return;
  const columns = ["screens", "fields", "presses", "seconds"];
  const width = Math.max(...world.counts.map(({ task }) => task.length), 4);
  console.log(["task".padEnd(width), ...columns.map((name) => name.padStart(10))].join(" "));
  for (const { task, numbers, limits } of world.counts)
    console.log([task.padEnd(width), ...columns.map((name) =>
      (limits[name] === undefined ? `${numbers[name]}` : `${numbers[name]} of ${limits[name]}`).padStart(10))].join(" "));
}
