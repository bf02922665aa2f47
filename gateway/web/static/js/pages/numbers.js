// Our numbers, and whether they ring here.

import { button, el, hidden } from "../../call/dom.js";
import { NONE, worded } from "../../call/words.js";
import { confirmed } from "../parts/confirm.js";
import { filled, nothing, pageHead } from "../parts/states.js";

const COLUMNS = ["Number", "Rings here", "Agent", "Webhook"];

export function mount(root, app) {
  const given = new AbortController();
  const place = el("section", { class: "card flush", "aria-label": "Numbers" });
  const ask = () => app.api.ask("/api/numbers", { signal: given.signal });
  const load = () => filled(place, ask, (numbers) => [numbers.length ? tableOf(numbers, app, load) : nothing("The account has no number", "Buy one in the carrier’s console; then gateway webhook set points it here.")]);
  root.append(pageHead("Numbers"), place,
    el("p", { class: "hint page-note" }, el("code", {}, "gateway webhook set +E164"), " points a number here and says what was there before; ", el("code", {}, "gateway webhook restore +E164"), " takes it back."));
  void load();
  return () => given.abort();
}

function tableOf(numbers, app, load) {
  return el("table", { class: "numbers", role: "table", "aria-label": "Numbers" },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...COLUMNS.map((name) => el("th", { scope: "col", role: "columnheader" }, name)))),
    el("tbody", { role: "rowgroup" }, ...numbers.map((number) => rowOf(number, app, load))));
}

function rowOf(number, app, load) {
  const cell = (name, ...children) => el("td", { role: "cell", "data-name": name }, ...children);
  const here = { true: ["good", "Yes"], false: ["bad", "No"] }[String(number.points_here)] ?? ["open", "Not known"];
  const named = number.friendly_name && number.friendly_name !== number.number;
  const others = Object.entries(number.overridden_by ?? {});
  const point = app.may("admin") && number.points_here === false
    ? button({ class: "quiet" }, () => void pointHere(number, others.length > 0, app, load), "Point here", hidden(`: ${number.number}`))
    : "";
  return el("tr", { role: "row" },
    cell("Number", el("b", {}, number.number), named ? el("span", { class: "why" }, number.friendly_name) : ""),
    cell("Rings here", el("span", { class: `badge ${here[0]}` }, here[1])),
    cell("Agent", number.agent ? el("a", { href: "#/agents" }, number.agent) : NONE, number.route ? el("span", { class: "why" }, `route ${number.route}`) : ""),
    cell("Webhook", el("span", { class: "webhook" }, el("code", {}, number.voice_url || "none"), point),
      ...others.map(([what, which]) => el("span", { class: "why" }, `overridden by ${worded(what)} ${which}`))));
}

async function pointHere(number, overridden, app, load) {
  const more = overridden ? " Its application or trunk is taken off." : "";
  if (!(await confirmed(`Let calls of ${number.number} come here? What is there now is written down, and gateway webhook restore brings it back.${more}`, "Point here"))) return;
  try {
    await app.api.ask(`/api/numbers/${encodeURIComponent(number.number)}/point`, { method: "POST", body: overridden ? { clear_overrides: true } : {} });
    app.shell.notify(`${number.number} rings here now.`);
  } catch (error) {
    app.shell.notify(error.message, "bad");
  }
  await load();
}
