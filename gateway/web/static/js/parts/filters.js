// The filters of the history: a form, a query of the API, and an address that can be sent to somebody.

import { button, el } from "../../call/dom.js";
import { capital, worded } from "../../call/words.js";
import { startOfDay } from "../times.js";

const OUTCOMES = ["completed", "transferred", "missed", "failed"];
const SORTS = { newest: "newest first", worst: "longest wait first", cost: "most expensive first" };
const WORSE = { 500: "over 0.5 s", 800: "over 0.8 s", 1200: "over 1.2 s", 2000: "over 2 s" };

/** What may stand in the address, and the API's parameter for it. */
export const NAMES = ["search", "agent", "outcome", "number", "from", "to", "worse", "sort"];

/** The API's query for what the address says. */
export function queryOf(wanted) {
  return {
    search: wanted.search,
    agent: wanted.agent,
    outcome: wanted.outcome,
    number: wanted.number,
    since: startOfDay(wanted.from),
    until: startOfDay(wanted.to, 1),
    worse_than_ms: wanted.worse,
    sort: wanted.sort === "newest" ? "" : wanted.sort,
  };
}

/** The form. `onChange(wanted)` is called when somebody wants something else. */
export class Filters {
  /**
   * @param {object} wanted by the names above
   * @param {(wanted: object) => void} onChange
   */
  constructor(wanted, onChange) {
    this.fields = {
      search: this.input("search", "Search", { type: "search", placeholder: "words, ID, number" }),
      number: this.input("number", "Number", { type: "tel", placeholder: "+1202…" }),
      agent: this.select("agent", "Agent", { "": "any" }),
      outcome: this.select("outcome", "Outcome", { "": "any", ...Object.fromEntries(OUTCOMES.map((each) => [each, capital(worded(each))])) }),
      from: this.input("from", "From", { type: "date" }),
      to: this.input("to", "To", { type: "date" }),
      worse: this.select("worse", "Waited", { "": "any time", ...WORSE }),
      sort: this.select("sort", "Order", SORTS),
    };
    this.root = el("form", { class: "filters", role: "search", "aria-label": "Filter calls" },
      ...Object.values(this.fields).map(({ node }) => node),
      el("p", { class: "filter-buttons" }, el("button", { type: "submit", class: "main" }, "Find"), button({ class: "quiet" }, () => onChange({}), "Clear")));
    this.set(wanted);
    const tell = () => onChange(this.wanted);
    this.root.addEventListener("submit", (event) => {
      event.preventDefault();
      tell();
    });
    for (const name of ["agent", "outcome", "from", "to", "worse", "sort"]) this.fields[name].input.addEventListener("change", tell);
  }

  input(name, label, properties) {
    return this.field(name, label, el("input", { id: `filter-${name}`, name, maxlength: "128", autocomplete: "off", ...properties }));
  }

  select(name, label, options) {
    return this.field(name, label, el("select", { id: `filter-${name}`, name }, ...Object.entries(options).map(([value, text]) => el("option", { value }, text))));
  }

  field(name, label, input) {
    return { input, node: el("p", { class: `field filter-${name}` }, el("label", { for: `filter-${name}` }, label), input) };
  }

  /** The agents there are to choose from. */
  agents(names) {
    const { input } = this.fields.agent;
    const chosen = this.chosenAgent ?? "";
    const all = [...new Set([...names, chosen].filter(Boolean))].sort();
    input.replaceChildren(el("option", { value: "" }, "any"), ...all.map((name) => el("option", { value: name }, name)));
    input.value = chosen;
  }

  set(wanted) {
    this.chosenAgent = wanted.agent ?? "";
    this.agents([]);
    for (const name of NAMES) if (name !== "agent") this.fields[name].input.value = wanted[name] ?? (name === "sort" ? "newest" : "");
  }

  get wanted() {
    const found = NAMES.map((name) => [name, this.fields[name].input.value.trim()]);
    return Object.fromEntries(found.filter(([name, value]) => value && !(name === "sort" && value === "newest")));
  }
}
