// A call that goes on, as its record would tell of it: the page of a call shows both the same way. Pure.

import { known, worded } from "../call/words.js";

/** How long a letter takes to be spoken, about. */
const MS_PER_LETTER = 62;
const STAGES = ["endpoint_ms", "model_ms", "gateway_ms", "play_ms", "response_ms"];

/**
 * @param {object} call of the live board
 * @param {Iterable<object>} entries its timeline
 * @param {number} now_ms on the call's clock
 * @returns {object} what `modelOf` takes
 */
export function recordOf(call, entries, now_ms) {
  const record = { call: callOf(call, now_ms), turns: [], tools: [], handoffs: [], guardrails: [], usage: [], notes: [], events: [], live: true, now_ms };
  for (const entry of [...entries].sort((a, b) => a.n - b.n)) add(record, entry, now_ms);
  const waits = record.turns.map((turn) => turn.response_ms).filter(known).sort((a, b) => a - b);
  if (waits.length) {
    record.call.response_p50_ms = waits[Math.floor((waits.length - 1) / 2)];
    record.call.response_p95_ms = waits[Math.ceil(waits.length * 0.95) - 1];
    record.call.response_worst_ms = waits[waits.length - 1];
  }
  return record;
}

function callOf(call, now_ms) {
  return { ...call, duration_ms: known(call.answered_at) ? now_ms : null, segments: 1 };
}

function add(record, entry, now_ms) {
  const tell = KINDS[entry.kind];
  if (tell) tell(record, entry, now_ms);
}

function event(record, entry, name, fields) {
  record.events.push({ seq: entry.n, at_ms: entry.at_ms, name, fields });
}

function told(record, entry, symbol, text, label = text, drawn = true) {
  event(record, entry, "told", { symbol, text, label, drawn });
}

const KINDS = Object.assign(Object.create(null), {
  caller: (record, e, now_ms) =>
    record.turns.push({ number: e.n, who: "caller", from_ms: e.from_ms, to_ms: e.to_ms ?? now_ms, text: e.text, open: !known(e.to_ms) }),
  agent: (record, e, now_ms) => {
    const turn = agentTurn(e, now_ms);
    record.turns.push({ ...turn, ...record.measured });
    record.measured = null;
  },
  barge_in: (record, e) => {
    const cut = record.turns.findLast((turn) => turn.who === "agent");
    if (cut) cut.cause = e.cause;
  },
  // Measured when its first sound was heard: which may be told before the turn itself.
  turn: (record, e) => {
    const stages = Object.fromEntries(STAGES.map((name) => [name, e[name]]));
    const measured = { ...stages, kind: e.turn ?? (known(e.response_ms) ? "reply" : "follow_up") };
    const answer = record.turns.findLast((each) => each.who === "agent");
    if (answer && !answer.kind) Object.assign(answer, measured);
    else record.measured = measured;
  },
  tool: (record, e) =>
    record.tools.push({ number: e.number ?? e.n, tool: e.tool, agent: e.agent, arguments: textOf(e.arguments), result: textOf(e.result), at_ms: e.at_ms, duration_ms: e.duration_ms }),
  handoff: (record, e) => record.handoffs.push({ number: e.n, from_agent: e.from_agent, to_agent: e.to_agent, at_ms: e.at_ms }),
  guardrail: (record, e) => record.guardrails.push({ number: e.n, guardrail: e.guardrail, at_ms: e.at_ms }),
  note: (record, e) => record.notes.push({ number: e.n, text: e.text, at_ms: e.at_ms }),
  approval: (record, e) => {
    if (known(e.verdict)) event(record, e, "approval.decided", { tool: e.tool, verdict: e.verdict });
    else event(record, e, "approval.asked", { tool: e.tool });
  },
  keys: (record, e) => event(record, e, "dtmf", { count: e.count }),
  consent: (record, e) => event(record, e, "consent.changed", { state: e.state }),
  idle: (record, e) => event(record, e, "caller.idle", { asked: e.asked }),
  error: (record, e) => event(record, e, "model.error_reported", { code: e.code }),
  whisper: (record, e) => event(record, e, "whisper", { by: e.by }),
  transfer: (record, e) => told(record, e, "transfer", transferText(e), e.destination || "transfer"),
  false_alarm: (record, e) => event(record, e, "false_alarm", { paused_ms: e.paused_ms }),
  recording: (record, e) => told(record, e, "dot", `recording: ${worded(e.what)}`, "", false),
  spend: (record, e) => told(record, e, "dot", `${worded(e.limit)} limit of spending reached${e.scope ? ` (${worded(e.scope)})` : ""}`, `${worded(e.limit)} limit`),
  machine: (record, e) => told(record, e, "dot", `answered by: ${worded(e.who)}`, "", false),
  state: (record, e) => told(record, e, "dot", [`the call is ${worded(e.state)}`, worded(e.reason)].filter(Boolean).join(": "), "", false),
});

function transferText(entry) {
  return [worded(entry.what), entry.destination && `to ${entry.destination}`, entry.status && `(${worded(entry.status)})`].filter(Boolean).join(" ");
}

function textOf(value) {
  return typeof value === "string" || !known(value) ? value : JSON.stringify(value);
}

// While it is spoken nobody has counted yet what was heard of it: that is guessed from the time.
function agentTurn(entry, now_ms) {
  const { heard_ms = 0, audio_ms = 0, cut = false } = entry;
  const turn = { number: entry.n, who: "agent", agent: entry.agent, from_ms: entry.from_ms, heard_ms, audio_ms, text: entry.text, interrupted: Boolean(cut) };
  if (known(entry.heard_text) || known(entry.unheard_text)) return { ...turn, heard_text: entry.heard_text, unheard_text: entry.unheard_text };
  if (audio_ms === 0) return spokenNow(turn, now_ms);
  if (!known(entry.text) || heard_ms >= audio_ms) return { ...turn, playing: !cut && heard_ms < audio_ms };
  const [heard, rest] = splitAt(entry.text, heard_ms / audio_ms);
  return cut ? { ...turn, heard_text: heard, unheard_text: rest } : { ...turn, playing: true, heard_text: heard, pending_text: rest };
}

function spokenNow(turn, now_ms) {
  const so_far = Math.max(0, now_ms - turn.from_ms);
  const text = turn.text ?? "";
  const whole = text.length * MS_PER_LETTER;
  const [heard, rest] = splitAt(text, whole ? so_far / whole : 0);
  const heard_ms = known(turn.text) ? Math.min(so_far, whole) : so_far;
  return { ...turn, playing: true, heard_ms, heard_text: heard, pending_text: rest };
}

/** A text in two at the end of the word nearest to a share (0 to 1) of it. */
export function splitAt(text, share) {
  const at = Math.round(text.length * Math.min(1, Math.max(0, share)));
  if (at <= 0) return ["", text];
  if (at >= text.length) return [text, ""];
  const space = text.lastIndexOf(" ", at);
  const end = space > 0 ? space : at;
  return [text.slice(0, end), text.slice(end).trim()];
}
