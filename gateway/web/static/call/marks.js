// What happened besides speech and tools, as marks in the drawing and lines in the transcript.

import { counted, known, lasting, table, usd, worded } from "./words.js";

// What is told of an event: its symbol, a sentence, and a word or two for the drawing.
const EVENT_WORDS = table({
  dtmf: (e) => ["keys", `the caller pressed ${counted(e.count, "key")}`, counted(e.count, "key")],
  calleridle: (e) => ["idle", `nobody spoke; the agent asked${e.asked > 1 ? ` (${e.asked})` : ""}`, "silence"],
  approvalasked: (e) => ["person", `somebody must approve ${e.tool} first`, "approval"],
  approvaldecided: (e) => [
    "person",
    `${worded(e.verdict)}: ${e.tool}${known(e.waited_ms) ? `, after ${lasting(e.waited_ms)}` : ""}`,
  ],
  transferstarted: (e) => ["transfer", `the caller is sent to ${e.destination}`, `to ${e.destination}`],
  transferfailed: (e) => ["transfer", `the transfer to ${e.destination} failed (${e.status})`, `${e.status}`],
  consentchanged: (e) => ["dot", `consent to the recording: ${e.state}`, `consent ${e.state}`],
  spendreached: (e) => ["dot", `${e.level} limit of spending reached (${e.scope}, ${usd(e.limit_usd)})`, `${e.level} limit`],
  modellost: (e) => ["cut", `the model is lost: ${worded(e.reason)}`, "model lost"],
  modelerrorreported: (e) => ["dot", `the model reported an error: ${worded(e.code)}`],
  falsealarm: (e) => ["dot", `a sound that was no turn held the agent back for ${lasting(e.paused_ms)}`],
  recordingstarted: () => ["dot", "the recording begins"],
  whisper: (e) => ["whisper", `${e.by || "somebody"} whispered to the agent`, "whisper"],
  told: (e) => [e.symbol, e.text, e.label],
});
// Told in the transcript, too small for the drawing.
const UNDRAWN = new Set(["approvaldecided", "recordingstarted", "falsealarm", "modelerrorreported"]);

function eventKey(name) {
  const key = String(name ?? "").toLowerCase().replace(/[^a-z]/g, "");
  return key === "dtmfgroup" ? "dtmf" : key;
}

/** When an event was (ms of the call's clock); some know only the time of day. */
export function momentOf(event, call) {
  if (known(event.at_ms)) return event.at_ms;
  const since = new Date(event.at ?? NaN) - new Date(call?.answered_at ?? NaN);
  return since >= 0 ? since : null;
}

function asMark(event, call) {
  const key = eventKey(event.name);
  const tell = EVENT_WORDS[key];
  const fields = event.fields && typeof event.fields === "object" ? event.fields : {};
  const at = momentOf(event, call);
  if (!tell || at === null) return null;
  const [symbol, text, label] = tell(fields);
  return { id: `e${event.seq}`, kind: key, symbol, text, label: label ?? text, at, drawn: !UNDRAWN.has(key) && fields.drawn !== false };
}

/** The marks of a call's events, handoffs and guardrails, in the order they happened. */
export function marksOf({ call, events, handoffs, guardrails }) {
  const told = events.map((event) => asMark(event, call)).filter(Boolean);
  const handed = handoffs.map((row) => ({
    id: `h${row.number}`,
    kind: "handoff",
    symbol: "handoff",
    label: `to ${row.to_agent ?? "another agent"}`,
    text: `handoff from ${row.from_agent ?? "the agent"} to ${row.to_agent ?? "another agent"}`,
    at: row.at_ms ?? 0,
    drawn: true,
  }));
  const guarded = guardrails.map((row) => ({
    id: `g${row.number}`,
    kind: "guardrail",
    symbol: "guardrail",
    text: `guardrail ${row.guardrail ?? ""} stopped the agent`,
    label: row.guardrail ?? "guardrail",
    short: "guardrail",
    at: row.at_ms ?? 0,
    drawn: true,
  }));
  return [...told, ...handed, ...guarded].sort((a, b) => a.at - b.at);
}
