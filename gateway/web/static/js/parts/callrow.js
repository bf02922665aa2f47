// One call that is on the line, as a row of the table of live calls.

import { el, hidden, icon } from "../../call/dom.js";
import { NONE, capital, clock, counted, known, usd, worded } from "../../call/words.js";
import { banded } from "../bands.js";
import { put } from "../keyed.js";

const SPEAKS = { caller: "Caller speaks", agent: "Agent speaks", both: "Both speak", "": "Quiet" };

/** Which columns there are. */
export const COLUMNS = ["Now", "Call", "Agent", "State", "Length", "Turns", "Last answer", "Cost"];

/** How long a call is on the line by now (ms), null before it was answered. */
export function lengthOf(call, now_ms) {
  return known(call.answered_at) ? Math.max(0, now_ms - Date.parse(call.answered_at)) : null;
}

/** A row of `keyed.js`; `tick(now_ms)` moves its clock. */
export function callRow(call) {
  const cell = (name, ...children) => el("td", { role: "cell", "data-name": name, class: name.toLowerCase().replace(" ", "-") }, ...children);
  const speaks = el("span", { class: "speaks" });
  const link = el("a", { href: `#/calls/${encodeURIComponent(call.call_sid)}`, class: "call-link" });
  const flags = el("span", { class: "flags" });
  const [agent, state, length, turns, wait, cost] = ["one-line", "state", "", "", "", ""].map((tone) => el("span", { class: tone || null }));
  const node = el("tr", { role: "row" },
    cell("Now", speaks), cell("Call", link, flags), cell("Agent", agent), cell("State", state),
    cell("Length", length), cell("Turns", turns), cell("Last answer", wait), cell("Cost", cost));
  node.addEventListener("click", (event) => {
    if (!event.target.closest("a, button") && !String(getSelection())) link.click();
  });
  let shown = {};
  let call_ = call;
  const changed = (name, value) => shown[name] !== value && ((shown = { ...shown, [name]: value }), true);
  return {
    node,
    tick: (now_ms) => put(length, clock(lengthOf(call_, now_ms))),
    update: (now) => {
      call_ = now;
      if (changed("speaks", now.speaking)) showSpeaking(speaks, now.speaking);
      put(link, `${now.caller || "Unknown"} → ${now.called || "unknown"}`);
      if (changed("flags", flagsOf(now).join())) flags.replaceChildren(...flagsOf(now).map((text) => el("span", { class: "tag" }, text)));
      put(agent, now.agent || NONE);
      agent.title = now.agent ?? "";
      put(state, capital(worded(now.state)));
      state.dataset.state = now.state;
      put(turns, `${now.turns ?? 0}${now.interruptions ? ` (${now.interruptions} cut)` : ""}`);
      if (changed("wait", now.response_ms)) wait.replaceChildren(banded(now.response_ms));
      put(cost, known(now.cost_usd) ? usd(now.cost_usd) : NONE);
    },
  };
}

function showSpeaking(root, speaking) {
  const who = speaking === "both" ? "caller agent" : speaking;
  root.className = `speaks ${who}`;
  const symbol = speaking === "agent" ? "agents" : speaking ? "person" : "dot";
  root.replaceChildren(icon(symbol), el("span", { class: "wave", "aria-hidden": "true" }, el("i"), el("i"), el("i")), el("span", { class: "speaks-word" }, SPEAKS[speaking] ?? SPEAKS[""]));
}

function flagsOf(call) {
  const flags = [];
  if (call.direction.startsWith("outbound")) flags.push("outbound");
  if (call.phone) flags.push("softphone");
  if (call.recording) flags.push("recorded");
  if (call.approvals) flags.push(counted(call.approvals, "approval"));
  if (call.listeners) flags.push(counted(call.listeners, "listener"));
  return flags;
}

/** What a table of live calls is headed with. */
export function tableHead() {
  return el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...COLUMNS.map((name) => el("th", { scope: "col", role: "columnheader" }, name === "Now" ? hidden("Who speaks") : name))));
}
