// How the gateway is, and how it was in the last minutes.

import { el } from "../../call/dom.js";
import { NONE, capital, counted, known, lasting, worded } from "../../call/words.js";
import { Chart } from "../parts/charts.js";
import { CapacityBar } from "../parts/capacity.js";
import { pageHead } from "../parts/states.js";
import { ago, when, zoneName } from "../times.js";

/** About ten minutes. */
const MOST_SAMPLES = 600;
const WORDS = { ready: ["good", "Ready"], full: ["open", "Full"], draining: ["bad", "Going to end"] };
// What was seen stays while somebody looks at other pages.
const samples = [];

export function mount(root, app) {
  const capacity = new CapacityBar();
  const status = el("span", { class: "badge open" }, "Waiting");
  const facts = el("dl", { class: "facts" });
  const cards = el("div", { class: "cards" });
  const charts = chartsOf();
  root.append(
    pageHead("Load and health", status, capacity.root), facts,
    el("section", { class: "charts", "aria-label": "The last minutes" }, ...charts.map(({ chart }) => chart.root)),
    cards, el("p", { class: "hint page-note" }, `The charts show what came in while a page of the dashboard watched; times in ${zoneName()}.`));
  const repaint = app.onRepaint(() => charts.forEach(({ chart }) => chart.repaint()));
  let seen = null;
  const stop = app.live.watch(["health"], (live) => {
    const { health } = live.board;
    if (!health || health === seen) return;
    seen = health;
    sample(health);
    const [tone, word] = WORDS[health.status] ?? ["open", capital(worded(health.status))];
    status.className = `badge ${tone}`;
    status.textContent = word;
    capacity.show(health, health.calls);
    facts.replaceChildren(...factsOf(health, app.api.now()));
    cards.replaceChildren(...cardsOf(health));
    for (const { chart, value, told } of charts) chart.show([samples.map(({ at }) => at), samples.map(({ health: each }) => value(each))], told(health));
  });
  return () => {
    stop();
    repaint();
    for (const { chart } of charts) chart.dispose();
  };
}

function sample(health) {
  samples.push({ at: Date.now() / 1000, health });
  if (samples.length > MOST_SAMPLES) samples.splice(0, samples.length - MOST_SAMPLES);
}

const percent = (share) => (known(share) ? `${Math.round(share * 100)} %` : NONE);
const megabytes = (mb) => (known(mb) ? `${Math.round(mb)} MB` : NONE);

function chartsOf() {
  const one = (title, tone, value, shown, whole = false) => ({ value, told: (health) => shown(value(health)), chart: new Chart(title, [{ label: title.toLowerCase(), tone }], { value: shown, height: 110, whole }) });
  return [
    one("Calls", "agent", (health) => health.calls, (calls) => (known(calls) ? String(Math.round(calls)) : NONE), true),
    one("Loop lag (p99)", "cut", (health) => health.loop_lag_p99_ms, (ms) => lasting(ms)),
    one("CPU", "caller", (health) => health.cpu_share, percent),
    one("Memory", "tool", (health) => health.rss_mb, megabytes),
  ];
}

function factsOf(health, now_ms) {
  const fact = (name, value, detail = "") => el("div", { class: "fact" }, el("dt", {}, name), el("dd", {}, el("span", { class: "value" }, value), el("span", { class: "detail" }, detail)));
  return [
    fact("Loop lag", lasting(health.loop_lag_p99_ms), "99th percentile: how late the gateway does what is due"),
    fact("CPU", percent(health.cpu_share), "of one core"),
    fact("Memory", megabytes(health.rss_mb), "resident"),
    fact("Version", health.version ?? NONE, `up since ${when(health.started_at)}, ${ago(health.started_at, now_ms)}`),
  ];
}

function cardsOf(health) {
  const model = health.model ?? {};
  const rejected = Object.entries(health.rejected ?? {});
  return [
    pairs("Model", [["Where", health.offline ? "offline model" : model.url_host], ["Connections", shown(model.connects)], ["Failures", shown(model.failures)], ["Last connection", lastConnect(model)]]),
    pairs("Records", Object.entries(health.records ?? {}).map(([name, value]) => [capital(worded(name)), shown(value)])),
    pairs("Refused", rejected.length ? rejected.map(([reason, number]) => [capital(worded(reason)), counted(number, "time")]) : [["Nothing", "was refused since the start"]]),
    pairs("Around it", [["Public address", health.public_url || "none"], ["Carrier", health.carrier ? "yes" : "none: no call can be placed"], ["Mode", health.offline ? "offline" : "online"]]),
  ];
}

function lastConnect(model) {
  return known(model.last_connect_ms) ? `took ${lasting(model.last_connect_ms)}` : NONE;
}

function shown(value) {
  if (value === true || value === false) return value ? "yes" : "no";
  if (value !== null && typeof value === "object") return JSON.stringify(value);
  return known(value) ? (typeof value === "number" ? value.toLocaleString("en") : String(value)) : NONE;
}

function pairs(title, rows) {
  return el("section", { class: "card" }, el("h2", {}, title), el("dl", { class: "pairs" }, ...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value ?? NONE)])));
}
