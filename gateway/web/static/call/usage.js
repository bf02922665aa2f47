// What was used and what it cost.

import { el } from "./dom.js";
import { cost } from "./head.js";
import { counted, known, lasting, table, usd } from "./words.js";

const USES = table({ response: "answer", transcription: "transcription" });
const TOKENS = [
  ["text_in", "text in"],
  ["text_cached", "text cached"],
  ["audio_in", "audio in"],
  ["audio_cached", "audio cached"],
  ["image_in", "image in"],
  ["image_cached", "image cached"],
  ["text_out", "text out"],
  ["audio_out", "audio out"],
];

// One line per model and what it was used for.
function usageGroups(rows) {
  const groups = new Map();
  for (const row of rows) {
    const key = JSON.stringify([row.source, row.model]);
    const group = groups.get(key) ?? { source: row.source, model: row.model, rows: 0, billed_s: 0, cost_usd: null, unpriced: false };
    group.rows += 1;
    group.billed_s += row.billed_s ?? 0;
    for (const [column] of TOKENS) group[column] = (group[column] ?? 0) + (row[column] ?? 0);
    if (known(row.cost_usd)) group.cost_usd = (group.cost_usd ?? 0) + row.cost_usd;
    else group.unpriced = true;
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** Tokens and amounts by model. */
export function showUsage(call, parts) {
  const groups = usageGroups(call.rows.usage);
  const priced = known(call.cost_usd) || known(call.model_usd) || known(call.carrier_usd);
  parts["usage-card"].hidden = !groups.length && (!priced || call.live);
  const rows = groups.map(usageRow);
  if (known(call.model_usd) && groups.length > 1) rows.push(sumRow("Model", "", usd(call.model_usd)));
  if (known(call.carrier_usd)) rows.push(sumRow("Carrier", call.duration_ms ? lasting(call.duration_ms) : "", usd(call.carrier_usd)));
  if (priced) rows.push(sumRow("Together", call.unpriced ? "at least: something has no known price" : "", cost(call), "total"));
  parts.usage.replaceChildren(
    el("table", { class: "usage" },
      el("thead", {}, el("tr", {}, ...["For", "Used", "Cost"].map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, ...rows)),
  );
}

function usageRow(group) {
  const used = TOKENS.filter(([column]) => group[column]).map(([column, name]) =>
    el("li", {}, el("b", {}, group[column].toLocaleString("en")), ` ${name}`));
  if (group.billed_s) used.push(el("li", {}, el("b", {}, lasting(group.billed_s * 1000)), " of audio"));
  const what = USES[group.source] ?? "use";
  const price = known(group.cost_usd) ? `${group.unpriced ? "≥ " : ""}${usd(group.cost_usd)}` : "no known price";
  return el("tr", {},
    el("th", { scope: "row" }, group.model ?? "unknown model", el("span", { class: "detail" }, counted(group.rows, what))),
    el("td", {}, el("ul", { class: "tokens" }, ...used)),
    el("td", { class: "num" }, price));
}

function sumRow(name, detail, price, tone = null) {
  return el("tr", { class: tone }, el("th", { scope: "row" }, name), el("td", { class: "detail" }, detail), el("td", { class: "num" }, price));
}
