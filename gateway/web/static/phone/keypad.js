// The keys of the telephone, for the mouse and for fingers; the keyboard is `phone.js`'s.

import { button, el } from "../call/dom.js";
import { KEYS, LETTERS } from "./keys.js";

const NAMES = { "*": "star", "#": "hash" };

/** The pad; `press(key)` is called for each key. */
export function keypad(press) {
  const keys = KEYS.map((key) =>
    button({ class: "key", "data-key": key, "aria-label": NAMES[key] ?? key, disabled: true }, () => press(key), el("b", {}, key), el("small", { "aria-hidden": "true" }, LETTERS[key] ?? "")),
  );
  const pad = el("div", { class: "keypad", role: "group", "aria-label": "Keypad" }, keys);
  return {
    pad,
    enable: (on) => keys.forEach((key) => (key.disabled = !on)),
    flash: (pressed) => {
      const key = keys.find((each) => each.dataset.key === pressed);
      key?.classList.add("down");
      setTimeout(() => key?.classList.remove("down"), 150);
    },
  };
}
