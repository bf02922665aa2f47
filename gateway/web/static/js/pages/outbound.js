// Ringing somebody: a form within the rules, and how far the call is.

import { button, el } from "../../call/dom.js";
import { capital, known, lasting, usd, worded } from "../../call/words.js";
import { askOf, newKey, stepsOf } from "../outbound.js";
import { confirmed } from "../parts/confirm.js";
import { pageHead } from "../parts/states.js";

const EVERY_MS = 1000;

export function mount(root, app) {
  const page = new OutboundPage(root, app);
  return () => page.dispose();
}

class OutboundPage {
  constructor(root, app) {
    this.app = app;
    this.given = new AbortController();
    this.key = newKey();
    this.refusal = el("div", { class: "refusal", role: "alert", hidden: true });
    this.progress = el("div", { class: "progress", "aria-live": "polite" });
    this.fields = {};
    this.send = el("button", { type: "submit", class: "main" }, "Ring");
    this.form = el("form", { class: "card stack outbound" },
      this.text("to", "Number to ring", { type: "tel", required: true, maxlength: "64", placeholder: "+12025550123", autocomplete: "off" }),
      this.select("agent", "Agent", { "": "the one of the route" }),
      el("details", {}, el("summary", {}, "More"),
        this.text("from", "Our number", { type: "tel", maxlength: "32", placeholder: "the usual one" }),
        this.text("campaign", "Campaign", { maxlength: "128" }),
        this.area("data", "What the agent knows besides, one key=value a line"),
        this.select("amd", "When a machine answers", { off: "do not look", hangup: "hang up", "leave-message": "leave a message" }),
        this.select("record", "Recording", { "": "as the route says", yes: "record", no: "do not record" }),
        this.text("max_minutes", "Longest (minutes)", { type: "number", min: "0.5", max: "1440", step: "0.5" }),
        this.text("ring_s", "Ring for (seconds)", { type: "number", min: "5", max: "600", placeholder: "60" })),
      this.refusal,
      el("p", { class: "acts" }, this.send),
      el("p", { class: "hint" }, "Nobody is rung unless the rules for outbound calls allow it; a refusal names the rule and its setting."));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.place();
    });
    root.append(pageHead("Place a call"), el("div", { class: "two" }, this.form, this.progress));
    void this.loadAgents();
  }

  field(name, label, input) {
    this.fields[name] = input;
    return el("p", { class: "field" }, el("label", { for: `out-${name}` }, label), input);
  }

  text(name, label, properties) {
    return this.field(name, label, el("input", { id: `out-${name}`, name, ...properties }));
  }

  area(name, label) {
    return this.field(name, label, el("textarea", { id: `out-${name}`, name, rows: "3", spellcheck: "false" }));
  }

  select(name, label, options) {
    return this.field(name, label, el("select", { id: `out-${name}`, name }, ...Object.entries(options).map(([value, text]) => el("option", { value }, text))));
  }

  async loadAgents() {
    try {
      const agents = await this.app.api.ask("/api/agents", { signal: this.given.signal });
      this.fields.agent.append(...agents.filter((agent) => agent.state !== "broken").map(({ name }) => el("option", { value: name }, name)));
    } catch {
      // The route's own agent can be asked for without a list.
    }
  }

  async place() {
    this.refusal.hidden = true;
    let body;
    try {
      body = askOf(Object.fromEntries(Object.entries(this.fields).map(([name, input]) => [name, input.value])));
    } catch (error) {
      return this.refuse(error.message);
    }
    this.send.disabled = true;
    try {
      const view = await this.app.api.ask("/api/calls", { method: "POST", body, headers: { "Idempotency-Key": this.key }, signal: this.given.signal });
      this.key = newKey();
      this.follow(view);
    } catch (error) {
      if (error.name === "AbortError") return;
      // An answer came: what is asked next is another question. Without one the same key asks again.
      if (error.status) this.key = newKey();
      this.refuse(error.message, error.more);
    } finally {
      this.send.disabled = false;
    }
  }

  refuse(message, { rule, setting } = {}) {
    const why = [rule && ["Rule", rule], setting && ["Setting", setting]].filter(Boolean);
    this.refusal.replaceChildren(el("p", {}, el("b", {}, "Not rung: "), message), el("dl", { class: "pairs" }, ...why.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, el("code", {}, value))])));
    this.refusal.hidden = false;
  }

  follow(view) {
    clearTimeout(this.timer);
    this.show(view);
    if (view.outcome) return;
    this.timer = setTimeout(async () => {
      try {
        this.follow(await this.app.api.ask(`/api/calls/${encodeURIComponent(view.id)}`, { signal: this.given.signal }));
      } catch (error) {
        if (error.name !== "AbortError") this.follow(view);
      }
    }, EVERY_MS);
  }

  show(view) {
    const steps = stepsOf(view).map(([name, done, now]) => el("li", { class: done ? "done" : now ? "now" : null, "aria-current": now ? "step" : null }, capital(worded(name))));
    const said = view.words ?? (view.reason ? worded(view.reason) : "");
    const facts = [known(view.duration_ms) ? lasting(view.duration_ms) : "", known(view.cost_usd) ? usd(view.cost_usd) : ""].filter(Boolean).join(" · ");
    const hang = button({ class: "quiet danger" }, () => void this.hangUp(view), "Hang up");
    this.progress.replaceChildren(el("section", { class: "card", "aria-label": "Progress" },
      el("h2", {}, `${view.from} rings ${view.to}`),
      el("ol", { class: "steps" }, ...steps),
      el("p", { class: view.outcome ? (view.well ? "good-words" : "bad-words") : "hint" }, view.outcome ? `${capital(worded(view.outcome))}${said ? `: ${said}` : ""}` : capital(worded(view.state))),
      facts ? el("p", { class: "hint" }, facts) : "",
      el("p", { class: "acts" }, view.call_sid ? el("a", { class: "quiet", href: `#/calls/${encodeURIComponent(view.call_sid)}` }, "Open the call") : "", view.outcome ? "" : hang)));
  }

  async hangUp(view) {
    if (!(await confirmed(`Hang up the call to ${view.to}?`, "Hang up"))) return;
    try {
      this.follow(await this.app.api.ask(`/api/calls/${encodeURIComponent(view.id)}`, { method: "DELETE" }));
    } catch (error) {
      this.app.shell.notify(error.message, "bad");
    }
  }

  dispose() {
    this.given.abort();
    clearTimeout(this.timer);
  }
}
