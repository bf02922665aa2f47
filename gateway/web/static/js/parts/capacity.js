// How full the house is.

import { el } from "../../call/dom.js";
import { put } from "../keyed.js";

/** A bar with its words. */
export class CapacityBar {
  constructor() {
    this.words = el("span", { class: "capacity-words" }, "\u00a0");
    this.fill = el("span", { class: "capacity-fill" });
    this.bar = el("div", { class: "capacity-bar", role: "meter", "aria-label": "Places taken", "aria-valuemin": "0" }, this.fill);
    this.root = el("div", { class: "capacity" }, this.words, this.bar);
  }

  /** @param {object|null} health with `calls`, `capacity` and `status` */
  show(health, calls) {
    const taken = health?.calls ?? calls;
    const most = health?.capacity ?? 0;
    const share = most ? Math.min(1, taken / most) : 0;
    const status = { full: " – full", overloaded: " – overloaded, takes no calls for now", draining: " – going to end, takes no more calls" }[health?.status] ?? "";
    put(this.words, most ? `${taken} of ${most} places taken${status}` : "\u00a0");
    this.fill.style.width = `${share * 100}%`;
    this.root.dataset.level = ["draining", "overloaded"].includes(health?.status) || share >= 1 ? "full" : share >= 0.8 ? "high" : "low";
    for (const [name, value] of [["now", taken], ["max", Math.max(1, most)], ["text", this.words.textContent]]) this.bar.setAttribute(`aria-value${name}`, value);
  }
}
