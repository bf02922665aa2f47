// The page of a call by keyboard.

import { known } from "./words.js";

const STEP = { small: 1000, large: 5000 };

function typing(target) {
  return target.closest("input, textarea, select, button, summary, a, pre, dialog, [contenteditable]") !== null;
}

/** Keys for a view (`view.js`); returns what takes them away again. */
export function listenToKeys(view) {
  const pressed = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const act = keyAction(view, event);
    if (!act) return;
    event.preventDefault();
    act();
  };
  document.addEventListener("keydown", pressed);
  return () => document.removeEventListener("keydown", pressed);
}

function keyAction(view, event) {
  const { player, strip } = view;
  const step = event.shiftKey ? STEP.small : STEP.large;
  if (event.key === " " && !typing(event.target) && player.playable) return () => player.toggle();
  const scrolls = event.target.closest("input, textarea, select, nav, dialog, .scroller, pre") !== null;
  if (event.key === "ArrowLeft" && !scrolls) return () => player.seek(player.ms - step);
  if (event.key === "ArrowRight" && !scrolls) return () => player.seek(player.ms + step);
  return event.target === strip.root ? stripAction(view, event.key) : undefined;
}

function stripAction(view, key) {
  const { player, strip } = view;
  return {
    Home: () => player.seek(0),
    End: () => player.seek(view.call.whole),
    n: () => player.seek(neighbour(view, 1)),
    p: () => player.seek(neighbour(view, -1)),
    "+": () => view.zoom(1.6),
    "=": () => view.zoom(1.6),
    "-": () => view.zoom(1 / 1.6),
    0: () => strip.fit(),
  }[key.length === 1 ? key.toLowerCase() : key];
}

function neighbour({ call, player }, direction) {
  const begins = call.turns_said.map((turn) => turn.begin).filter(known);
  if (direction > 0) return begins.find((ms) => ms > player.ms + 1) ?? call.whole;
  return begins.filter((ms) => ms < player.ms - 500).pop() ?? 0;
}
