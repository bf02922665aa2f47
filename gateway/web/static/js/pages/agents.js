// Who answers: the agents, what is wrong with them, and a way to talk to them.

import { button, el, icon } from "../../call/dom.js";
import { counted, known } from "../../call/words.js";
import { filled, nothing, pageHead } from "../parts/states.js";
import { ago } from "../times.js";

export function mount(root, app) {
  const given = new AbortController();
  const place = el("div", { class: "cards" });
  const said = el("p", { class: "form-note", role: "status" });
  const show = (agents) => cardsOf(agents, app);
  const load = () => filled(place, () => app.api.ask("/api/agents", { signal: given.signal }), show);
  const reload = button({ class: "quiet" }, async () => {
    reload.disabled = true;
    said.textContent = "";
    try {
      await app.api.ask("/api/agents/reload", { method: "POST", body: {} });
      said.textContent = "The files were read again.";
    } catch (refusal) {
      said.textContent = refusal.message;
    }
    await load();
    reload.disabled = false;
  }, "Read the files again");
  root.append(pageHead("Agents", app.may("admin") ? reload : ""), said, place);
  void load();
  return () => given.abort();
}

function cardsOf(agents, app) {
  if (!agents.length) return [nothing("There are no agents", "Put a folder with agent.toml into the directory of the agents (GATEWAY_AGENTS_DIR); gateway agents check says what is missing.")];
  return agents.map((agent) => cardOf(agent, app));
}

function cardOf(agent, app) {
  const broken = agent.state === "broken";
  const facts = [["Model", agent.model], ["Voice", agent.voice], ["Numbers", (agent.numbers ?? []).join(", ")], ["Read", known(agent.reloaded_at) ? ago(agent.reloaded_at, app.api.now()) : null]];
  const problems = agent.problems ?? [];
  return el("article", { class: "card agent-card" },
    el("div", { class: "card-head" }, el("h2", {}, agent.name), el("span", { class: `badge ${broken ? "bad" : "good"}` }, broken ? "Broken" : "Ready")),
    el("dl", { class: "pairs" }, ...facts.filter(([, value]) => known(value)).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    problems.length ? problemsOf(problems) : "",
    app.may("operator") && !broken
      ? el("p", { class: "card-foot" }, el("a", { class: "quiet", href: `#/phone?agent=${encodeURIComponent(agent.name)}` }, icon("mic"), "Call this agent"))
      : "");
}

function problemsOf(problems) {
  const rows = problems.map((problem) => el("li", { class: problem.severity === "error" ? "error" : "warning" },
    icon("warn"),
    el("p", {}, el("b", {}, problem.severity === "error" ? "Error" : "Warning"), " ", el("code", {}, problem.line ? `${problem.file}:${problem.line}` : problem.file ?? ""), el("span", { class: "problem-text" }, problem.text))));
  return el("div", {}, el("h3", { class: "hidden" }, counted(problems.length, "problem")), el("ul", { class: "problems" }, ...rows));
}
