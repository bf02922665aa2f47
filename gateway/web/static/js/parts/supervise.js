// What a supervisor does with a call that goes on: listen in, whisper, take over, hang up.

import { button, el, icon } from "../../call/dom.js";
import { table } from "../../call/words.js";
import { Listener } from "../listen.js";
import { confirmed } from "./confirm.js";

const MOST_LETTERS = 2000;

const ANSWERS = table({ now: "The agent was told, and speaks.", later: "The agent was told, and speaks when this is over." });

function whispered(answer) {
  return ANSWERS[answer?.answer] ?? "The agent was told.";
}

/** The controls of one call; nothing of it is shown to who may not use it. */
export class Supervision {
  constructor(app, callSid) {
    this.app = app;
    this.path = `/api/live/calls/${encodeURIComponent(callSid)}`;
    this.callSid = callSid;
    this.said = el("p", { class: "form-note", role: "status" });
    this.panel = el("div", { class: "supervise-panel" });
    this.buttons = [
      this.tab("listen", "Listen in", () => this.listening()),
      this.tab("whisper", "Whisper", () => this.whispering()),
      this.tab("transfer", "Take over", () => this.takingOver()),
    ];
    this.root = el("section", { class: "card supervise", "aria-label": "Supervision" },
      el("div", { class: "supervise-bar" }, ...this.buttons, button({ class: "quiet danger" }, () => void this.hangUp(), icon("hangup"), "Hang up")),
      this.panel, this.said);
  }

  // One panel is open at a time.
  tab(symbol, name, build) {
    const tab = button({ class: "quiet", "aria-expanded": "false" }, () => {
      const opens = tab.getAttribute("aria-expanded") === "false";
      for (const each of this.buttons) each.setAttribute("aria-expanded", "false");
      if (!opens) return this.panel.replaceChildren();
      tab.setAttribute("aria-expanded", "true");
      this.panel.replaceChildren(build());
      return this.panel.querySelector("input:not([type=range]), textarea")?.focus();
    }, icon(symbol), name);
    return tab;
  }

  async act(path, body, done) {
    this.said.textContent = "";
    this.said.classList.remove("bad");
    try {
      const answer = await this.app.api.ask(`${this.path}/${path}`, { method: "POST", body });
      this.said.textContent = typeof done === "function" ? done(answer) : done;
      return true;
    } catch (refusal) {
      this.said.textContent = refusal.message;
      this.said.classList.add("bad");
      return false;
    }
  }

  listening() {
    const meters = ["caller", "agent"].map((who) => el("i", { class: `level ${who}` }));
    const volume = el("input", { type: "range", min: "0", max: "1", step: "0.05", value: "1", "aria-label": "Volume" });
    volume.addEventListener("input", () => this.listener && (this.listener.volume = Number(volume.value)));
    const toggle = button({ class: "main" }, () => {
      if (this.listener) return this.listener.stop();
      toggle.replaceChildren(icon("cut"), "Stop listening");
      this.said.textContent = "";
      this.listener = new Listener(this.callSid, {
        onLevels: (...levels) => meters.forEach((meter, at) => (meter.style.transform = `scaleX(${Math.min(1, levels[at] * 1.6)})`)),
        onNews: (what) => (this.said.textContent = what === "away" ? "The caller is with somebody else: nothing is to be heard here." : ""),
        onEnd: (why) => {
          this.listener = null;
          toggle.replaceChildren(icon("listen"), "Listen");
          for (const meter of meters) meter.style.transform = "scaleX(0)";
          this.said.textContent = why;
        },
      });
      return (this.listener.volume = Number(volume.value));
    }, icon("listen"), "Listen");
    if (this.listener) this.listener.stop();
    return el("div", { class: "listen" }, toggle,
      el("dl", { class: "levels", "aria-hidden": "true" }, el("dt", {}, "Caller, left"), el("dd", {}, meters[0]), el("dt", {}, "Agent, right"), el("dd", {}, meters[1])),
      el("label", { class: "volume" }, "Volume ", volume),
      el("p", { class: "hint" }, "Neither side hears that somebody listens. It is written to the audit trail."));
  }

  whispering() {
    const text = el("textarea", { rows: "3", maxlength: MOST_LETTERS, required: true, id: "whisper-text" });
    const answer = el("input", { type: "checkbox", id: "whisper-answer" });
    const send = el("button", { type: "submit", class: "main" }, icon("whisper"), "Whisper");
    const form = el("form", { class: "stack" },
      el("p", { class: "field" }, el("label", { for: "whisper-text" }, "What the agent should know or do (the caller does not hear it)"), text),
      el("p", {}, el("label", { class: "check" }, answer, " let the agent speak at once")), el("p", {}, send));
    return this.submitted(form, send, async () => {
      if (await this.act("whisper", { text: text.value.trim(), answer: answer.checked }, whispered)) text.value = "";
    });
  }

  takingOver() {
    const to = el("input", { type: "text", id: "take-over-to", required: true, maxlength: "64", placeholder: "+12025550123", spellcheck: "false" });
    const summary = el("input", { type: "text", id: "take-over-summary", maxlength: "600" });
    const send = el("button", { type: "submit", class: "main" }, icon("transfer"), "Ring and take over");
    const form = el("form", { class: "stack" },
      el("p", { class: "field" }, el("label", { for: "take-over-to" }, "Phone to ring, or a destination of the agent’s directory"), to),
      el("p", { class: "field" }, el("label", { for: "take-over-summary" }, "What the one who picks up is told first (may be empty)"), summary),
      el("p", {}, send));
    return this.submitted(form, send, async () => {
      const [where, told] = [to.value.trim(), summary.value.trim()];
      const place = /^\+[\d\s().-]+$/.test(where) ? { number: where.replace(/[^\d+]/g, "") } : { destination: where };
      await this.act("take-over", told ? { ...place, summary: told } : place, "The phone rings; whoever picks up presses 1 to take the caller.");
    });
  }

  submitted(form, send, act) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      send.disabled = true;
      await act();
      send.disabled = false;
    });
    return form;
  }

  async hangUp() {
    if (await confirmed("Hang up this call? The caller is cut off at once.", "Hang up")) await this.act("hang-up", {}, "Hung up.");
  }

  /** Stops listening. */
  dispose() {
    this.listener?.stop();
  }
}
