// What is said and done in the call, while it goes on.

import { el, icon } from "../call/dom.js";
import { lasting } from "../call/words.js";

const CAUSES = { caller: "you spoke", guardrail: "a guardrail stopped it", operator: "a person stopped it", dtmf: "you pressed a key", tool: "a tool stopped it" };

/** One entry of a call's timeline as {who, text, note, symbol}; null for what is not shown. Pure. */
export function lineOf(entry) {
  const tell = KINDS[entry.kind];
  return tell ? tell(entry) : null;
}

const STAGES = [["endpoint_ms", "your turn noticed as over"], ["model_ms", "model"], ["gateway_ms", "gateway"]];
const did = (symbol, text) => ({ who: "", text, note: "", symbol });
const words = (text) => String(text ?? "").replaceAll("_", " ");

const KINDS = Object.assign(Object.create(null), {
  caller: (e) => ({ who: "caller", text: e.text ?? (e.to_ms == null ? "speaking …" : "…"), note: "", symbol: "" }),
  agent: (e) => ({ who: "agent", text: e.text ?? "…", note: e.cut ? `cut off after ${seconds(e.heard_ms)}` : "", symbol: "", by: e.agent ?? "" }),
  barge_in: (e) => did("cut", `interrupted: ${CAUSES[e.cause] ?? words(e.cause)}`),
  tool: (e) => did("tool", `${words(e.tool)}${e.duration_ms == null ? " …" : ` took ${lasting(e.duration_ms)}`}`),
  handoff: (e) => did("handoff", `${e.from_agent} handed over to ${e.to_agent}`),
  approval: (e) => did("check", e.verdict ? `${words(e.tool)}: ${words(e.verdict)}` : `${words(e.tool)} waits for somebody’s approval`),
  guardrail: (e) => did("guardrail", `guardrail ${words(e.guardrail)}`),
  note: (e) => did("dot", `note: ${e.text}`),
  keys: (e) => did("keys", e.count === 1 ? "1 key pressed" : `${e.count} keys pressed`),
  transfer: (e) => did("transfer", [`transfer ${words(e.what)}`, e.destination && `to ${e.destination}`, e.status && `(${words(e.status)})`].filter(Boolean).join(" ")),
  consent: (e) => did("dot", `recording: ${words(e.state)}`),
  idle: () => did("idle", "asked whether you are still there"),
  error: (e) => did("warn", `the model reported ${words(e.code)}`),
  turn: (e) => (e.response_ms == null ? null : did("idle", `you waited ${lasting(e.response_ms)}: ${waits(e)}`)),
  whisper: (e) => did("whisper", `${e.by} told the agent something`),
  spend: (e) => did("warn", `${words(e.limit)} limit of spending reached`),
});

function seconds(ms) {
  return `${((ms ?? 0) / 1000).toFixed(1)} s`;
}

/** What the waiting for an answer was made of. */
function waits(turn) {
  return STAGES.filter(([name]) => turn[name] != null).map(([name, label]) => `${label} ${lasting(turn[name])}`).join(", ");
}

/** The list of a call's entries on the page. */
export class Talk {
  constructor() {
    this.list = el("ol", { class: "talk", role: "log", "aria-label": "What is said", "aria-live": "polite", tabindex: "0" });
    this.lines = new Map();
  }

  clear() {
    this.lines.clear();
    this.list.replaceChildren();
  }

  /** @param {Iterable<object>} entries all of them; only what changed is drawn anew */
  show(entries) {
    const list = this.list;
    const below = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
    let last = null;
    for (const entry of [...entries].sort((a, b) => a.at_ms - b.at_ms || a.n - b.n)) {
      const shown = lineOf(entry);
      if (shown) last = this.put(entry, shown, last);
    }
    if (below) list.scrollTop = list.scrollHeight;
  }

  put(entry, shown, after) {
    const text = JSON.stringify(shown);
    let known = this.lines.get(entry.n);
    if (known?.text !== text) {
      const line = drawn(entry, shown);
      known?.line.replaceWith(line);
      known = { text, line };
      this.lines.set(entry.n, known);
    }
    const place = after ? after.nextSibling : this.list.firstChild;
    if (known.line !== place) this.list.insertBefore(known.line, place);
    return known.line;
  }
}

function drawn(entry, shown) {
  const who = { caller: "You", agent: shown.by || "Agent" }[shown.who];
  return el(
    "li",
    { class: `talk-line ${shown.who ? `by-${shown.who}` : "by-nobody"}`, "data-kind": entry.kind },
    who ? el("span", { class: "talk-by" }, who) : icon(shown.symbol),
    el("span", { class: "talk-words" }, shown.text),
    shown.note ? el("span", { class: "talk-note" }, shown.note) : null,
  );
}
