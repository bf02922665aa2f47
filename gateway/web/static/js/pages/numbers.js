// Our numbers, and whether they ring here.

import { el } from "../../call/dom.js";
import { NONE } from "../../call/words.js";
import { filled, nothing, pageHead } from "../parts/states.js";

const COLUMNS = ["Number", "Rings here", "Agent", "Webhook"];

export function mount(root, app) {
  const given = new AbortController();
  const place = el("section", { class: "card flush", "aria-label": "Numbers" });
  root.append(pageHead("Numbers"), place,
    el("p", { class: "hint page-note" }, el("code", {}, "gateway webhook set +E164"), " points a number here and says what was there before; ", el("code", {}, "gateway webhook restore +E164"), " takes it back."));
  void filled(place, () => app.api.ask("/api/numbers", { signal: given.signal }), (numbers) => [numbers.length ? tableOf(numbers) : nothing("The account has no number", "Buy one in the carrier’s console; then gateway webhook set points it here.")]);
  return () => given.abort();
}

function tableOf(numbers) {
  return el("table", { class: "numbers", role: "table", "aria-label": "Numbers" },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...COLUMNS.map((name) => el("th", { scope: "col", role: "columnheader" }, name)))),
    el("tbody", { role: "rowgroup" }, ...numbers.map(rowOf)));
}

function rowOf(number) {
  const cell = (name, ...children) => el("td", { role: "cell", "data-name": name }, ...children);
  const here = { true: ["good", "Yes"], false: ["bad", "No"] }[String(number.points_here)] ?? ["open", "Not known"];
  const named = number.friendly_name && number.friendly_name !== number.number;
  return el("tr", { role: "row" },
    cell("Number", el("b", {}, number.number), named ? el("span", { class: "why" }, number.friendly_name) : ""),
    cell("Rings here", el("span", { class: `badge ${here[0]}` }, here[1])),
    cell("Agent", number.agent ? el("a", { href: "#/agents" }, number.agent) : NONE, number.route ? el("span", { class: "why" }, `route ${number.route}`) : ""),
    cell("Webhook", el("code", { class: "address" }, number.voice_url || "none")));
}
