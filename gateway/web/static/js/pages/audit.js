// Who did what.

import { button, el } from "../../call/dom.js";
import { NONE, capital, worded } from "../../call/words.js";
import { failed, nothing, pageHead } from "../parts/states.js";
import { when, zoneName } from "../times.js";

const PER_PAGE = 100;
const MOST_ROWS = 2000;
const COLUMNS = ["When", "Who", "Did", "Call", "Detail"];

export function mount(root, app) {
  const given = new AbortController();
  const body = el("tbody", { role: "rowgroup" });
  const table = el("table", { class: "audit", role: "table", "aria-label": "Audit trail", hidden: true },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...COLUMNS.map((name) => el("th", { scope: "col", role: "columnheader" }, name)))), body);
  const foot = el("div", { class: "pager" });
  root.append(pageHead("Audit trail", el("p", { class: "hint" }, `Times in ${zoneName()}`)), el("section", { class: "card flush", "aria-label": "Audit trail" }, table, foot));
  const load = async (path) => {
    try {
      const { content, next } = await app.api.page(path, { signal: given.signal });
      body.append(...content.map(rowOf));
      table.hidden = !body.children.length;
      const more = button({ class: "quiet" }, () => void load(next), "Older");
      foot.replaceChildren(...(!body.children.length ? [nothing("Nothing was done yet", "Whoever signs in, listens in, whispers, takes over, decides an approval or changes the gateway stands here.")] : next && body.children.length < MOST_ROWS ? [more] : []));
    } catch (error) {
      if (error.name !== "AbortError") foot.replaceChildren(failed(error, () => void load(path)));
    }
  };
  void load(`/api/audit?limit=${PER_PAGE}`);
  return () => given.abort();
}

function rowOf(row) {
  const cell = (name, ...children) => el("td", { role: "cell", "data-name": name }, ...children);
  return el("tr", { role: "row" },
    cell("When", el("time", { datetime: row.at }, when(row.at))),
    cell("Who", el("b", {}, row.name ?? row.who ?? NONE), row.role ? el("span", { class: "why" }, row.role) : ""),
    cell("Did", capital(worded(row.action))),
    cell("Call", row.call_sid ? el("a", { href: `#/calls/${encodeURIComponent(row.call_sid)}` }, `${row.call_sid.slice(0, 10)}…`) : NONE),
    cell("Detail", row.detail || NONE));
}
