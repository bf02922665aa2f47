// What is known of the calls on the line: snapshots and what changed since, put together. Pure.

/** Entries of one call that are kept: the newest. */
export const MOST_ENTRIES = 3000;
/** Calls that ended of which the reason is kept. */
const MOST_GONE = 20;

/** Nothing is known yet. */
export function emptyBoard() {
  return { version: null, known: new Set(), calls: new Map(), health: null, approvals: [], call: null, entries: new Map(), gone: [], ended: null };
}

/**
 * The board after a message of `WS /api/live`.
 * @returns {{board: object, lost: boolean}} `lost`: a delta is missing in between, ask for all again
 */
export function merged(board, message) {
  if (message.type === "snapshot") return { board: fromSnapshot(board, message), lost: false };
  if (message.type !== "delta") return { board, lost: false };
  if (board.version === null || message.from !== board.version) return { board, lost: true };
  return { board: withDelta(board, message), lost: false };
}

// What is not in it is not watched any more.
function fromSnapshot(board, message) {
  return {
    ...emptyBoard(),
    version: message.version,
    known: new Set(Object.keys(message)),
    calls: new Map((message.calls ?? []).map((call) => [call.call_sid, call])),
    health: message.health ?? null,
    approvals: message.approvals ?? [],
    call: message.call ?? null,
    entries: withEntries(new Map(), message.call?.entries ?? []),
    gone: board.gone,
  };
}

function withDelta(board, message) {
  const next = { ...board, version: message.version };
  if (message.calls || message.gone) next.calls = new Map(board.calls);
  for (const call of message.calls ?? []) {
    next.calls.set(call.call_sid, call);
    if (board.call?.call_sid === call.call_sid) next.call = call;
  }
  for (const { call_sid } of message.gone ?? []) next.calls.delete(call_sid);
  if (message.gone) next.gone = [...message.gone, ...board.gone].slice(0, MOST_GONE);
  if (message.call) next.call = { ...board.call, ...message.call };
  if (message.health) next.health = message.health;
  if (message.approvals) next.approvals = message.approvals;
  if (message.entries) next.entries = withEntries(board.entries, message.entries);
  if (message.ended) next.ended = message.ended;
  return next;
}

// An entry that comes again takes the place of the old one.
function withEntries(before, entries) {
  const after = new Map(before);
  for (const entry of entries) after.set(entry.n, entry);
  if (after.size <= MOST_ENTRIES) return after;
  return new Map([...after].slice(after.size - MOST_ENTRIES));
}
