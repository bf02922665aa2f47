// The calls on the line now.

import { el } from "../../call/dom.js";
import { counted } from "../../call/words.js";
import { Keyed, put } from "../keyed.js";
import { ApprovalList } from "../parts/approvals.js";
import { callRow, tableHead } from "../parts/callrow.js";
import { CapacityBar } from "../parts/capacity.js";

export function mount(root, app) {
  const capacity = new CapacityBar();
  const approvals = new ApprovalList(app);
  const body = el("tbody", { role: "rowgroup" });
  const table = el("table", { class: "live-calls", role: "table", "aria-label": "Calls on the line" }, tableHead(), body);
  const empty = emptyState(app);
  const note = el("p", { class: "hint page-note" });
  root.append(
    el("div", { class: "page-head" }, el("h1", { tabindex: "-1" }, "Live calls"), capacity.root),
    approvals.root, el("section", { class: "card flush", "aria-label": "Calls" }, table, empty), note);
  const rows = new Keyed(body, (call) => call.call_sid, callRow);
  const tick = () => {
    const now = app.api.now();
    rows.each((row) => row.tick(now));
    approvals.tick(now);
  };
  let before = null;
  const stop = app.live.watch(["calls", "health", "approvals"], (live, message) => {
    const { board } = live;
    const calls = [...board.calls.values()].sort((a, b) => Date.parse(a.offered_at) - Date.parse(b.offered_at));
    rows.show(calls);
    approvals.show(board.approvals);
    capacity.show(board.health, calls.length);
    table.hidden = !calls.length;
    empty.hidden = calls.length > 0 || !live.knows("calls");
    put(note, noteOf(live, calls));
    if (message && before) announce(app, calls, before);
    if (live.knows("calls")) before = new Set(calls.map((call) => call.call_sid));
    tick();
  });
  const timer = setInterval(tick, 1000);
  return () => {
    clearInterval(timer);
    stop();
  };
}

function noteOf(live, calls) {
  if (!live.knows("calls")) return calls.length ? "This is what was known last." : "Waiting for the gateway …";
  return calls.length ? "Ticks beside an answer’s time: one up to 0.5 s, two up to 0.8 s, three up to 1.2 s, four above." : "";
}

function announce(app, calls, before) {
  const fresh = calls.filter((call) => !before.has(call.call_sid));
  if (fresh.length === 1) app.shell.announce(`New call from ${fresh[0].caller || "an unknown caller"}`);
  else if (fresh.length) app.shell.announce(`${counted(fresh.length, "new call")}`);
}

function emptyState(app) {
  const ways = [
    el("li", {}, "Ring a number that points here: ", el("a", { href: "#/numbers" }, "numbers"), " shows which do, ", el("code", {}, "gateway webhook set +E164"), " points one."),
  ];
  if (app.may("operator")) {
    ways.unshift(el("li", {}, el("a", { href: "#/phone" }, "Press Call in the softphone"), " and talk with an agent from this browser."));
    ways.push(el("li", {}, el("a", { href: "#/call" }, "Place a call"), ", or type ", el("code", {}, "gateway call +E164"), "."));
  }
  return el("div", { class: "empty", hidden: true }, el("h2", {}, "Nobody is on the line"), el("p", {}, "Calls appear here the moment they ring."), el("ul", {}, ...ways));
}
