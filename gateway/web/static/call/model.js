// The call as the rest sees it: who spoke when, what happened when, how long it all is.

import { marksOf } from "./marks.js";
import { known } from "./words.js";

/** How much sound one frame of the carrier's is (ms). */
export const FRAME_MS = 20;
const PARTS = ["turns", "tools", "handoffs", "guardrails", "usage", "notes", "events"];

function asTurn(row) {
  const agent = row.who !== "caller";
  const begin = row.from_ms ?? row.to_ms ?? null;
  const end = row.to_ms ?? (begin === null ? null : begin + (row.heard_ms ?? row.audio_ms ?? 0));
  const unheard = agent && !row.playing && known(row.audio_ms) ? Math.max(0, row.audio_ms - (row.heard_ms ?? 0)) : 0;
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

/**
 * The model of a call.
 * @param {object} data what `gateway calls show --json` prints, with `sound` (peaks in base64, or why
 *   there are none) and, of a call that goes on, `live` and `now_ms` (how long it is by now).
 */
export function modelOf(data) {
  const call = data.call ?? {};
  const sound = data.sound ?? { missing: "none" };
  const rows = Object.fromEntries(PARTS.map((name) => [name, Array.isArray(data[name]) ? data[name] : []]));
  const turns = withGhosts(inOrder(rows.turns.map(asTurn)));
  const tools = stacked(rows.tools.map(asTool));
  const marks = marksOf({ ...rows, call });
  const peaks = { caller: bytesOf(sound.caller), agent: bytesOf(sound.agent) };
  const offset = call.recording_from_ms ?? 0;
  const recorded = peaks.caller ? peaks.caller.length * sound.step_ms : (call.recording_ms ?? 0);
  const ends = [
    call.duration_ms ?? 0,
    data.now_ms ?? 0,
    recorded ? offset + recorded : 0,
    ...turns.map((turn) => turn.end ?? 0),
    ...tools.map((tool) => tool.end),
    ...marks.map((mark) => mark.at),
  ];
  const last = ends.reduce((a, b) => Math.max(a, b), 0);
  const [whole, happened, live] = [Math.max(last, 1000), last > 0, Boolean(data.live)];
  return { ...call, sound, rows, turns_said: turns, tools, marks, peaks, offset, recorded, whole, happened, live };
}

/** The last thing said that has begun by then (ms), and is not long over. */
export function speaking(call, ms) {
  let found = null;
  for (const turn of call.turns_said) {
    if (turn.begin === null || turn.begin > ms) continue;
    if (turn.end >= ms || (found === null || turn.begin >= found.begin)) found = turn;
  }
  return found && ms <= found.end + 1500 ? found : null;
}
