// The call as the rest of the script sees it: who spoke when, what happened when, how long it all is.

const DATA = JSON.parse(byId("data").textContent);
const FRAME_MS = 20;

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
});
// Told in the transcript, too small for the drawing.
const UNDRAWN = new Set(["approvaldecided", "recordingstarted", "falsealarm", "modelerrorreported"]);

function eventKey(name) {
  const key = String(name ?? "").toLowerCase().replace(/[^a-z]/g, "");
  return key === "dtmfgroup" ? "dtmf" : key;
}

function rowsOf(name) {
  return Array.isArray(DATA[name]) ? DATA[name] : [];
}

function asTurn(row) {
  const agent = row.who !== "caller";
  const begin = row.from_ms ?? row.to_ms ?? null;
  const end = row.to_ms ?? (begin === null ? null : begin + (row.heard_ms ?? row.audio_ms ?? 0));
  const unheard = agent && known(row.audio_ms) ? Math.max(0, row.audio_ms - (row.heard_ms ?? 0)) : 0;
  return {
    row,
    who: agent ? "agent" : "caller",
    begin,
    end: end === null ? null : Math.max(begin, end),
    unheard_ms: unheard > FRAME_MS || row.interrupted ? unheard : 0,
    cut: Boolean(row.interrupted),
  };
}

// A turn without any time (nobody heard of it) stands where its number puts it.
function inOrder(turns) {
  let last = 0;
  for (const turn of turns) {
    turn.at = turn.begin ?? last;
    last = Math.max(last, turn.at);
  }
  return turns.sort((a, b) => a.at - b.at || (a.row.number ?? 0) - (b.row.number ?? 0));
}

// What was made and never heard is drawn behind the heard part, up to the agent's next words.
function withGhosts(turns) {
  const agents = turns.filter((turn) => turn.who === "agent" && turn.end !== null);
  for (const [at, turn] of agents.entries()) {
    const next = agents.slice(at + 1).find((other) => other.begin >= turn.end && other.end > other.begin);
    turn.ghost = Math.min(turn.end + turn.unheard_ms, next ? next.begin : Infinity);
  }
  return turns;
}

// On the call's clock; some events know only the time of day.
function momentOf(event) {
  if (known(event.at_ms)) return event.at_ms;
  const since = new Date(event.at ?? NaN) - new Date(DATA.call?.answered_at ?? NaN);
  return since >= 0 ? since : null;
}

function asMark(event) {
  const key = eventKey(event.name);
  const tell = EVENT_WORDS[key];
  const fields = event.fields && typeof event.fields === "object" ? event.fields : {};
  const at = momentOf(event);
  if (!tell || at === null) return null;
  const [symbol, text, label] = tell(fields);
  return { kind: key, symbol, text, label: label ?? text, at, drawn: !UNDRAWN.has(key) };
}

function marksOf() {
  const told = rowsOf("events").map(asMark).filter(Boolean);
  const handoffs = rowsOf("handoffs").map((row) => ({
    kind: "handoff",
    symbol: "handoff",
    label: `to ${row.to_agent ?? "another agent"}`,
    text: `handoff from ${row.from_agent ?? "the agent"} to ${row.to_agent ?? "another agent"}`,
    at: row.at_ms ?? 0,
    drawn: true,
  }));
  const guardrails = rowsOf("guardrails").map((row) => ({
    kind: "guardrail",
    symbol: "guardrail",
    text: `guardrail ${row.guardrail ?? ""} stopped the agent`,
    label: row.guardrail ?? "guardrail",
    short: "guardrail",
    at: row.at_ms ?? 0,
    drawn: true,
  }));
  return [...told, ...handoffs, ...guardrails].sort((a, b) => a.at - b.at);
}

function asTool(row) {
  const begin = row.at_ms ?? 0;
  return { row, begin, end: begin + (row.duration_ms ?? 0), level: 0 };
}

// Tools that ran at the same time lie beneath each other.
function stacked(tools) {
  const busy = [];
  for (const tool of tools.sort((a, b) => a.begin - b.begin)) {
    const free = busy.findIndex((until) => until <= tool.begin);
    tool.level = free < 0 ? Math.min(busy.length, 2) : free;
    busy[tool.level] = Math.max(busy[tool.level] ?? 0, tool.end);
  }
  return tools;
}

function bytesOf(text) {
  return known(text) ? Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)) : null;
}

const CALL = (() => {
  const call = DATA.call ?? {};
  const sound = DATA.sound ?? { missing: "none" };
  const turns = withGhosts(inOrder(rowsOf("turns").map(asTurn)));
  const tools = stacked(rowsOf("tools").map(asTool));
  const marks = marksOf();
  const peaks = { caller: bytesOf(sound.caller), agent: bytesOf(sound.agent) };
  const offset = call.recording_from_ms ?? 0;
  const recorded = peaks.caller ? peaks.caller.length * sound.step_ms : (call.recording_ms ?? 0);
  const ends = [
    call.duration_ms ?? 0,
    recorded ? offset + recorded : 0,
    ...turns.map((turn) => turn.end ?? 0),
    ...tools.map((tool) => tool.end),
    ...marks.map((mark) => mark.at),
  ];
  const last = ends.reduce((a, b) => Math.max(a, b), 0);
  const [whole, happened] = [Math.max(last, 1000), last > 0];
  return { ...call, sound, turns_said: turns, tools, marks, peaks, offset, recorded, whole, happened };
})();

// The last thing said that has begun by then, and is not long over.
function speaking(ms) {
  let found = null;
  for (const turn of CALL.turns_said) {
    if (turn.begin === null || turn.begin > ms) continue;
    if (turn.end >= ms || (found === null || turn.begin >= found.begin)) found = turn;
  }
  return found && ms <= found.end + 1500 ? found : null;
}
