// A moment of the call one can go to.

import { el, hidden } from "./dom.js";
import { NONE, clock, known } from "./words.js";

/** A button that goes to a moment (ms) of the call; a dash for what has none. */
export function timeButton(ms, seek) {
  if (!known(ms)) return el("span", { class: "at" }, NONE);
  const button = el("button", { type: "button", class: "at" }, hidden("Go to "), clock(ms));
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    seek(ms);
  });
  return button;
}
