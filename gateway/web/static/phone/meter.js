// How loud one side is: a bar, falling slower than it rises. Decoration: who cannot see it misses
// nothing that is not said elsewhere.

import { el } from "../call/dom.js";

const FLOOR_DB = -54;
const FALL = 0.85;

/** The share of the bar for a root mean square from 0 to 1. Pure. */
export function share(rms) {
  if (rms <= 0) return 0;
  return Math.min(1, Math.max(0, 1 - (20 * Math.log10(rms)) / FLOOR_DB));
}

/** A bar of one side's. */
export class Meter {
  constructor(label, kind) {
    this.bar = el("meter", { class: "phone-meter-bar", min: "0", max: "1", value: "0", "aria-hidden": "true" });
    this.element = el("div", { class: `phone-meter ${kind}` }, el("span", {}, label), this.bar);
    this.level = 0;
  }

  show(rms) {
    this.level = Math.max(share(rms), this.level * FALL);
    this.bar.value = this.level < 0.01 ? 0 : this.level;
  }

  rest() {
    this.level = 0;
    this.bar.value = 0;
  }
}
