// Where the time of each answer went.

import { el, hidden } from "./dom.js";
import { timeButton } from "./timebutton.js";
import { NONE, known, lasting, table, worded } from "./words.js";

const STAGES = [
  ["endpoint_ms", "end of turn noticed", "endpoint"],
  ["model_ms", "model", "model"],
  ["gateway_ms", "gateway", "gateway"],
  ["play_ms", "playout", "playout"],
];
const KINDS = table({ greeting: "greeting", follow_up: "after a tool", reply: "" });

/** Bars of the stages of every answer, and the gateway's own share in figures. */
export function showLatency(call, parts, seek) {
  const turns = call.turns_said.filter((turn) => STAGES.some(([column]) => known(turn.row[column])));
  parts["latency-card"].hidden = !turns.length;
  if (!turns.length) return;
  const totals = turns.map((turn) => STAGES.reduce((sum, [column]) => sum + (turn.row[column] ?? 0), 0));
  const scale = Math.max(1, totals.reduce((a, b) => Math.max(a, b), 0));
  const worst = turns.reduce((a, b) => ((b.row.response_ms ?? -1) > (a?.row.response_ms ?? -1) ? b : a), null);
  const rows = turns.map((turn) => latencyRow(turn, scale, turn === worst, seek));
  const heads = ["Turn", "Where the time went", "Gateway’s own", "Caller waited"];
  const table = el("table", { class: "latency" },
    el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, ...rows),
  );
  const scroller = el("div", { class: "scroller", tabindex: "0", role: "region", "aria-labelledby": "latency-title" }, table);
  parts.latency.replaceChildren(...[gatewayShare(turns), slowest(worst, seek), stageLegend(), scroller].filter(known));
}

function latencyRow(turn, scale, worst, seek) {
  const bar = el("div", { class: "bar", "aria-hidden": "true" });
  const told = [];
  for (const [column, name, tone] of STAGES) {
    const ms = turn.row[column];
    if (!known(ms)) continue;
    const part = el("span", { class: tone, title: `${name} ${lasting(ms)}` });
    part.style.width = `${(Math.max(0, ms) / scale) * 100}%`;
    bar.append(part);
    told.push(`${name} ${lasting(ms)}`);
  }
  const kind = KINDS[turn.row.kind] ?? worded(turn.row.kind);
  const waited = known(turn.row.response_ms) ? lasting(turn.row.response_ms) : "";
  return el("tr", { class: worst ? "worst" : null },
    el("th", { scope: "row" }, timeButton(turn.begin, seek)),
    el("td", { class: "bars" }, bar, hidden(told.join(", "))),
    el("td", { class: "num" }, known(turn.row.gateway_ms) ? lasting(turn.row.gateway_ms) : el("span", { class: "none" }, "queued")),
    el("td", { class: "num" }, worst ? el("span", { class: "tag" }, "slowest") : "", worst ? " " : "", waited || el("span", { class: "none" }, kind || NONE)),
  );
}

function gatewayShare(turns) {
  const shares = turns.map((turn) => turn.row.gateway_ms).filter(known).sort((a, b) => a - b);
  if (!shares.length) return "";
  const median = shares[Math.floor((shares.length - 1) / 2)];
  return el("p", { class: "share" },
    "The gateway’s own share is too small to see in the bars: ",
    el("b", {}, lasting(median)), " per answer (median), ",
    el("b", {}, lasting(shares[shares.length - 1])), " at most.");
}

function slowest(turn, seek) {
  if (turn === null) return "";
  return el("p", { class: "share" }, "The caller waited longest, ", el("b", {}, lasting(turn.row.response_ms)), ", at ", timeButton(turn.begin, seek), ".");
}

function stageLegend() {
  const items = STAGES.map(([, name, tone]) => el("li", {}, el("span", { class: `swatch ${tone}`, "aria-hidden": "true" }), name));
  return el("ul", { class: "legend" }, ...items);
}
