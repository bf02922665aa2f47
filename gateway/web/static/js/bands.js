// How good an answer's time is: four bands, told by words and ticks, not by colour alone.

import { el, hidden } from "../call/dom.js";
import { NONE, known, lasting } from "../call/words.js";

const BANDS = [[500, "fast"], [800, "good"], [1200, "slow"], [Infinity, "bad"]];
const WORDS = { fast: "fast", good: "good", slow: "slow", bad: "too slow" };

/** The band of a time (ms): fast to 0.5 s, good to 0.8 s, slow to 1.2 s, bad above; "" for none. */
export function bandOf(ms) {
  return known(ms) ? BANDS.find(([most]) => ms <= most)[1] : "";
}

/** A time with its band; one tick for fast, four for too slow. */
export function banded(ms) {
  if (!known(ms)) return el("span", { class: "none" }, NONE);
  const band = bandOf(ms);
  const ticks = BANDS.findIndex(([, name]) => name === band) + 1;
  const meter = el("span", { class: "ticks", "aria-hidden": "true" }, ...BANDS.map((_, at) => el("i", { class: at < ticks ? "on" : null })));
  return el("span", { class: `band ${band}`, title: WORDS[band] }, meter, lasting(ms), hidden(`, ${WORDS[band]}`));
}
