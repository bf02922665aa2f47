// The places of a call's page, empty: every part is found by its name.

import { el, hidden, icon } from "./dom.js";

/**
 * Builds the frame.
 * @param {HTMLAudioElement} audio plays the recording; with an address when there is one
 * @returns {{root: DocumentFragment, parts: Object<string, HTMLElement>}}
 */
export function frameOf(audio) {
  const parts = { audio };
  const part = (tag, id, properties = {}, ...children) => {
    parts[id] = el(tag, { id, ...properties }, ...children);
    return parts[id];
  };
  const root = document.createDocumentFragment();
  root.append(
    topOf(part),
    part("div", "call-actions"),
    part("dl", "facts", { class: "facts" }),
    part("div", "notes"),
    playerOf(part, audio),
    timelineOf(part),
    columnsOf(part),
    el("footer", { class: "foot" }, part("p", "foot")),
  );
  return { root, parts };
}

function topOf(part) {
  return el("header", { class: "head" },
    el("div", { class: "head-line" }, part("p", "over", { class: "over" }), part("div", "corner", { class: "corner" })),
    part("h1", "title", { tabindex: "-1" }, "Call"),
    part("p", "under", { class: "under" }));
}

function playerOf(part, audio) {
  return part("section", "player", { class: "player", "aria-label": "Player" },
    part("button", "play", { type: "button", class: "play", "aria-label": "Play" }, icon("play")),
    el("p", { class: "time" }, part("span", "now", {}, "0:00"), part("span", "whole", { class: "of" })),
    part("p", "caption", { class: "caption" }),
    part("button", "rate", { type: "button", class: "quiet", "aria-label": "Speed" }, "1×"),
    audio);
}

function timelineOf(part) {
  const zoom = (id, text, name) => part("button", id, { type: "button", class: "quiet", "aria-label": name }, text);
  const strip = part("div", "strip", { class: "strip", tabindex: "0", role: "slider", "aria-label": "Position in the call", "aria-describedby": "strip-help" },
    part("div", "span", { class: "span" },
      part("canvas", "canvas", { "aria-hidden": "true" }),
      part("div", "hair", { class: "hair", hidden: true }),
      part("div", "playhead", { class: "head-mark" })));
  const help = hidden("Arrows move by five seconds, with Shift by one. N and P go to the next and the previous turn, plus and minus zoom, 0 shows the whole call.");
  help.id = "strip-help";
  return part("section", "timeline", { class: "card timeline", "aria-labelledby": "timeline-title" },
    el("div", { class: "card-head" },
      el("h2", { id: "timeline-title" }, "Timeline"),
      el("div", { class: "zoom", role: "group", "aria-label": "Zoom" },
        zoom("zoom-out", "−", "Zoom out"), zoom("zoom-fit", "Whole call", null), zoom("zoom-in", "+", "Zoom in"))),
    el("div", { class: "lanes" },
      part("div", "lane-names", { class: "lane-names", "aria-hidden": "true" }),
      strip,
      part("div", "tip", { class: "tip", hidden: true })),
    help,
    part("ul", "legend", { class: "legend" }),
    part("p", "sound-note", { class: "hint" }));
}

function columnsOf(part) {
  const card = (id, name, ...children) => part("section", `${id}-card`, { class: "card", "aria-labelledby": `${id}-title` },
    el("h2", { id: `${id}-title` }, name), ...children);
  return el("div", { class: "columns" },
    el("section", { class: "card transcript", "aria-labelledby": "transcript-title" },
      el("div", { class: "card-head" }, el("h2", { id: "transcript-title" }, "Transcript"), part("p", "transcript-note", { class: "hint" })),
      part("ol", "transcript", { class: "lines", tabindex: "-1" })),
    el("div", { class: "figures" },
      card("latency", "How long the caller waited", part("div", "latency")),
      card("usage", "Usage and cost", part("div", "usage")),
      card("events", "Everything that happened",
        part("details", "events", {}, part("summary", "events-summary"), part("div", "events-rows")))));
}
