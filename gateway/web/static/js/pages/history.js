// The calls that were: filters, figures per day, one page of calls after the other.

import { button, el } from "../../call/dom.js";
import { counted, lasting, usd } from "../../call/words.js";
import { pathWith } from "../api.js";
import { Chart } from "../parts/charts.js";
import { Filters, NAMES, queryOf } from "../parts/filters.js";
import { recordHead, recordRow } from "../parts/recordrow.js";
import { failed, nothing, pageHead } from "../parts/states.js";
import { columns, everyDay, together } from "../stats.js";
import { localDay, startOfDay, zoneName } from "../times.js";

const PER_PAGE = 25;
const CHART_DAYS = 30;

export function mount(root, app, { query }) {
  const page = new HistoryPage(root, app, query);
  return () => page.dispose();
}

class HistoryPage {
  constructor(root, app, query) {
    this.app = app;
    this.given = new AbortController();
    this.wanted = Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? ""]).filter(([, value]) => value));
    this.filters = new Filters(this.wanted, (wanted) => app.go(pathWith("#/history", wanted)));
    this.charts = chartsOf();
    this.sums = el("p", { class: "hint sums" }, "\u00a0");
    this.place = el("div", { class: "history-rows", "aria-live": "polite" });
    this.pages = [];
    root.classList.add("history-page");
    root.append(
      pageHead("History", el("p", { class: "hint" }, `Times in ${zoneName()}`)),
      el("section", { class: "charts", "aria-label": "Figures per day" }, ...Object.values(this.charts).map((chart) => chart.root)),
      this.sums, this.filters.root,
      el("section", { class: "card flush", "aria-label": "Calls" }, this.place));
    this.repaint = app.onRepaint(() => Object.values(this.charts).forEach((chart) => chart.repaint()));
    void this.load(pathWith("/api/records", { ...queryOf(this.wanted), limit: PER_PAGE }));
    void this.loadStats();
    void this.loadAgents();
  }

  async load(path) {
    this.place.setAttribute("aria-busy", "true");
    try {
      const { content, next } = await this.app.api.page(path, { signal: this.given.signal });
      this.path = path;
      this.place.replaceChildren(...this.rows(content, next));
    } catch (error) {
      if (error.name !== "AbortError") this.place.replaceChildren(failed(error, () => void this.load(path)));
    } finally {
      this.place.removeAttribute("aria-busy");
    }
  }

  rows(calls, next) {
    if (!calls.length && !this.pages.length) {
      const filtered = Object.keys(this.wanted).length > 0;
      return [filtered
        ? nothing("No call fits", "Take a filter away, or clear all of them.")
        : nothing("Nothing is recorded yet", "Every call of this gateway appears here when it is over. Ring a number that points here, or press Call in the softphone.")];
    }
    const table = el("table", { class: "records", role: "table", "aria-label": "Calls" }, recordHead(`Times in ${zoneName()}`), el("tbody", { role: "rowgroup" }, ...calls.map(recordRow)));
    const back = button({ class: "quiet", disabled: !this.pages.length }, () => void this.load(this.pages.pop()), "Newer");
    const on = button({ class: "quiet", disabled: !next }, () => {
      this.pages.push(this.path);
      void this.load(next).then(() => this.place.scrollIntoView({ block: "nearest" }));
    }, "Older");
    if (this.wanted.sort && this.wanted.sort !== "newest") [back.textContent, on.textContent] = ["Back", "More"];
    const place = el("span", { class: "hint" }, `Page ${this.pages.length + 1}, ${counted(calls.length, "call")}`);
    return [table, el("nav", { class: "pager", "aria-label": "Pages of calls" }, back, place, on)];
  }

  async loadStats() {
    const since = startOfDay(this.wanted.from) ?? startOfDay(localDay(new Date()), -CHART_DAYS + 1);
    const path = pathWith("/api/stats", { since, until: startOfDay(this.wanted.to, 1), by: "day" });
    try {
      const days = everyDay(await this.app.api.ask(path, { signal: this.given.signal }));
      this.showStats(days);
    } catch (error) {
      if (error.name !== "AbortError") this.sums.textContent = `No figures: ${error.message}`;
    }
  }

  showStats(days) {
    const all = together(days);
    const { calls, minutes, waits, cost } = this.charts;
    calls.show(columns(days, (row) => row.calls), String(all.calls));
    minutes.show(columns(days, (row) => row.duration_ms / 60_000), lasting(all.duration_ms));
    waits.show(columns(days, (row) => row.response_p50_ms, (row) => row.response_p95_ms));
    cost.show(columns(days, (row) => row.cost_usd), usd(all.cost_usd));
    this.sums.textContent = `${counted(all.calls, "call")} in ${counted(days.length, "day")} (UTC days, all calls whatever the filters say besides From and To).`;
  }

  async loadAgents() {
    try {
      const agents = await this.app.api.ask("/api/agents", { signal: this.given.signal });
      this.filters.agents(agents.map((agent) => agent.name));
    } catch {
      // The others are not there to choose from; what is asked for stays.
    }
  }

  dispose() {
    this.given.abort();
    this.repaint();
    for (const chart of Object.values(this.charts)) chart.dispose();
  }
}

function chartsOf() {
  const whole = (value) => Number(value.toFixed(value < 10 ? 1 : 0)).toLocaleString("en");
  return {
    calls: new Chart("Calls", [{ label: "calls", tone: "agent", bars: true }], { value: whole, days: true, whole: true }),
    minutes: new Chart("Minutes", [{ label: "minutes", tone: "caller", bars: true }], { value: whole, days: true }),
    waits: new Chart("Caller waited", [{ label: "median", tone: "agent" }, { label: "p95", tone: "cut" }], { value: (ms) => lasting(ms), days: true }),
    cost: new Chart("Cost", [{ label: "cost", tone: "tool", bars: true }], { value: (amount) => usd(amount), days: true }),
  };
}
