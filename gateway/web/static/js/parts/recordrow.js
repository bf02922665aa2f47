// One recorded call as a row of the history.

import { el } from "../../call/dom.js";
import { cost, outcome } from "../../call/head.js";
import { NONE, capital, clock, worded } from "../../call/words.js";
import { banded } from "../bands.js";
import { when } from "../times.js";

const COLUMNS = ["When", "Call", "Agent", "Outcome", "Length", "Turns", "Worst answer", "Cost"];

/** What the table of the history is headed with. */
export function recordHead(zone) {
  return el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...COLUMNS.map((name) => el("th", { scope: "col", role: "columnheader", title: name === "When" ? zone : null }, name))));
}

/** The row of a call of /api/records. */
export function recordRow(call) {
  const cell = (name, ...children) => el("td", { role: "cell", "data-name": name, class: name.toLowerCase().replace(" ", "-") }, ...children);
  const link = el("a", { class: "call-link", href: `#/calls/${encodeURIComponent(call.call_sid)}` }, `${call.caller || "Unknown"} → ${call.called || "unknown"}`);
  const direction = call.direction?.startsWith("outbound") ? "outbound" : call.direction === "softphone" ? "softphone" : "";
  const flags = [direction, call.recording && !call.recording_purged_at ? "recorded" : "", call.campaign ?? ""].filter(Boolean);
  const row = el("tr", { role: "row" },
    cell("When", el("time", { datetime: call.offered_at }, when(call.offered_at))),
    cell("Call", link, el("span", { class: "flags" }, ...flags.map((text) => el("span", { class: "tag" }, text)))),
    cell("Agent", el("span", { class: "one-line", dir: "auto", title: call.agent }, call.agent || NONE)),
    cell("Outcome", outcome(call), call.reason ? el("span", { class: "why" }, capital(worded(call.reason))) : ""),
    cell("Length", clock(call.duration_ms)),
    cell("Turns", `${call.turns ?? 0}${call.interruptions ? ` (${call.interruptions} cut)` : ""}`),
    cell("Worst answer", banded(call.response_worst_ms)),
    cell("Cost", cost(call)));
  row.addEventListener("click", (event) => {
    if (!event.target.closest("a, button") && !String(getSelection())) link.click();
  });
  return row;
}
