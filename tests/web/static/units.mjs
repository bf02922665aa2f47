// What the dashboard's pure modules make of values; run by node (test_units.py).

import assert from "node:assert/strict";
import { test } from "node:test";

const at = (path) => import(new URL(`../../../gateway/web/static/${path}`, import.meta.url));
const { clock, counted, excerpt, lasting, moment, pretty, usd, worded } = await at("call/words.js");
const { modelOf, speaking } = await at("call/model.js");
const { bandOf } = await at("js/bands.js");
const { MOST_ENTRIES, emptyBoard, merged } = await at("js/board.js");
const { nextOf, pathWith } = await at("js/api.js");
const { matched, parsed } = await at("js/router.js");
const { recordOf, splitAt } = await at("js/liverecord.js");
const { askOf, newKey, stepsOf } = await at("js/outbound.js");
const { columns, everyDay, lastMinutes, together, wholeDays } = await at("js/stats.js");
const { queryOf } = await at("js/parts/filters.js");
const { ago, localDay, startOfDay, when, zoneName } = await at("js/times.js");
const { split } = await at("js/listen.js");

test("lengths have as many digits as mean anything", () => {
  assert.deepEqual([0.05, 4.2, 858, 994.9, 1810, 59_949, 71_000, 3_725_000, null].map(lasting), [
    "0.05\u00a0ms", "4.2\u00a0ms", "858\u00a0ms", "995\u00a0ms", "1.81\u00a0s", "59.9\u00a0s", "1\u00a0min 11\u00a0s", "1\u00a0h 2\u00a0min", "–",
  ]);
});

test("moments of a call are those of a clock", () => {
  assert.deepEqual([clock(0), clock(61_999), clock(3_601_000), clock(1250, true), clock(-5), clock(null)], ["0:00", "1:01", "1:00:01", "0:01.2", "0:00", "–"]);
});

test("amounts, numbers and names", () => {
  assert.deepEqual([usd(0), usd(0.0123), usd(12.5), usd(null)], ["$0.00", "$0.0123", "$12.50", "–"]);
  assert.deepEqual([counted(1, "call"), counted(1200, "call"), worded("agent_hung_up"), excerpt("a  b\nc", 4)], ["1 call", "1,200 calls", "agent hung up", "a b…"]);
  assert.equal(pretty('{"id":12345678901234567890}'), '{\n  "id": 12345678901234567890\n}');
});

test("moments are told in a zone that is named", () => {
  assert.equal(moment("2026-03-03T14:02:11Z", "UTC"), "Tue, 3 Mar 2026, 14:02:11 UTC");
  assert.match(moment("2026-03-03T14:02:11Z", "Asia/Tokyo"), /23:02:11 (GMT\+9|JST)/);
  assert.equal(moment("nonsense"), "");
  assert.notEqual(zoneName(), "");
  assert.equal(when("2026-03-03T14:02:11", new Date(2026, 5, 1)), "3 Mar, 14:02");
  assert.equal(when("2025-03-03T14:02:11", new Date(2026, 5, 1)), "3 Mar 2025, 14:02");
  assert.deepEqual([ago("2026-01-01T00:00:00Z", Date.UTC(2026, 0, 1, 0, 0, 12)), ago("2026-01-01T00:00:00Z", Date.UTC(2026, 0, 1, 3)), ago(null, 0)], ["12 s ago", "3 h ago", "–"]);
});

test("a day is the viewer's from midnight to midnight", () => {
  const length = new Date(startOfDay("2026-03-03", 1)) - new Date(startOfDay("2026-03-03"));
  assert.equal(localDay(new Date(startOfDay("2026-03-03"))), "2026-03-03");
  assert.ok(length >= 23 * 3_600_000 && length <= 25 * 3_600_000);
  assert.deepEqual([startOfDay(""), startOfDay("3 March"), startOfDay(undefined)], [null, null, null]);
});

test("answers fall into four bands", () => {
  assert.deepEqual([500, 501, 800, 1200, 1201, null].map(bandOf), ["fast", "good", "good", "slow", "bad", ""]);
});

test("a snapshot and deltas make a board", () => {
  const call = (sid, turns) => ({ call_sid: sid, turns });
  let { board } = merged(emptyBoard(), { type: "snapshot", version: 4, calls: [call("a", 1), call("b", 1)], health: { calls: 2 }, approvals: [] });
  let lost;
  ({ board, lost } = merged(board, { type: "delta", from: 4, version: 9, calls: [call("a", 2), call("c", 0)], gone: [{ call_sid: "b", reason: "x" }], approvals: [{ tool_call_id: "t" }] }));
  assert.equal(lost, false);
  assert.deepEqual([...board.calls.values()], [call("a", 2), call("c", 0)]);
  assert.deepEqual([board.version, board.health.calls, board.approvals.length, board.gone[0].call_sid], [9, 2, 1, "b"]);
});

test("a delta that misses one before it is not taken", () => {
  const { board } = merged(emptyBoard(), { type: "snapshot", version: 4, calls: [] });
  const after = merged(board, { type: "delta", from: 5, version: 6, calls: [{ call_sid: "a" }] });
  assert.equal(after.lost, true);
  assert.equal(after.board.calls.size, 0);
  assert.equal(merged(emptyBoard(), { type: "delta", from: 0, version: 1 }).lost, true);
  assert.equal(merged(board, { type: "something new" }).lost, false);
});

test("an entry that comes again takes the place of the old one, and the oldest go", () => {
  const snapshot = { type: "snapshot", version: 1, call: { call_sid: "a", entries: [{ n: 1, kind: "caller", text: null }] } };
  let { board } = merged(emptyBoard(), snapshot);
  ({ board } = merged(board, { type: "delta", from: 1, version: 2, entries: [{ n: 1, kind: "caller", text: "Hi" }, { n: 2, kind: "note" }] }));
  assert.deepEqual([...board.entries.values()].map((entry) => entry.text ?? entry.kind), ["Hi", "note"]);
  const many = Array.from({ length: MOST_ENTRIES + 5 }, (_, place) => ({ n: place + 3 }));
  ({ board } = merged(board, { type: "delta", from: 2, version: 3, entries: many }));
  assert.equal(board.entries.size, MOST_ENTRIES);
  assert.equal([...board.entries.keys()].pop(), MOST_ENTRIES + 7);
});

test("a call that goes on reads like its record", () => {
  const told = [
    { n: 1, at_ms: 0, kind: "agent", from_ms: 0, heard_ms: 1000, audio_ms: 1000, text: "Hello there.", cut: false, agent: "desk" },
    { n: 2, at_ms: 2000, kind: "caller", from_ms: 2000, to_ms: 3000, text: "Hi" },
    { n: 3, at_ms: 4000, kind: "agent", from_ms: 4000, heard_ms: 500, audio_ms: 1000, text: "One two three four", cut: true, agent: "desk" },
    { n: 4, at_ms: 4000, kind: "turn", endpoint_ms: 500, model_ms: 300, gateway_ms: 0.1, play_ms: 0.2, response_ms: 800.3 },
    { n: 5, at_ms: 4500, kind: "barge_in", cause: "caller", heard_ms: 500, dropped_ms: 500 },
    { n: 6, at_ms: 4400, kind: "caller", from_ms: 4400, to_ms: null, text: null },
    { n: 7, at_ms: 4600, kind: "tool", number: 1, tool: "look", arguments: { a: 1 }, result: null, duration_ms: null },
    { n: 8, at_ms: 4700, kind: "something new" },
  ];
  const record = recordOf({ call_sid: "a", answered_at: "2026-01-01T00:00:00Z" }, told, 5000);
  const [, , cut, open] = record.turns;
  assert.deepEqual([cut.heard_text, cut.unheard_text, cut.cause, cut.response_ms], ["One two", "three four", "caller", 800.3]);
  assert.deepEqual([open.to_ms, open.open, record.tools[0].arguments, record.call.response_worst_ms], [5000, true, '{"a":1}', 800.3]);
  const model = modelOf(record);
  assert.deepEqual([model.live, model.whole, model.turns_said.length, speaking(model, 4450).who], [true, 5000, 4, "caller"]);
});

test("times that are told before their turn belong to the next one", () => {
  const stages = { kind: "turn", turn: "reply", endpoint_ms: 1, model_ms: 2, gateway_ms: 3, play_ms: 4, response_ms: 10 };
  const agent = (n) => ({ n, kind: "agent", from_ms: n, heard_ms: 5, audio_ms: 5, text: "a" });
  const { turns } = recordOf({}, [agent(1), { ...stages, n: 2, response_ms: 8 }, { ...stages, n: 3 }, agent(4)], 9);
  assert.deepEqual(turns.map((turn) => turn.response_ms), [8, 10]);
});

test("words that are spoken now are split by what was heard", () => {
  assert.deepEqual(splitAt("One two three", 0), ["", "One two three"]);
  assert.deepEqual(splitAt("One two three", 1), ["One two three", ""]);
  assert.deepEqual(splitAt("One two three", 0.6), ["One two", "three"]);
  const [turn] = recordOf({}, [{ n: 1, kind: "agent", from_ms: 0, heard_ms: 50, audio_ms: 100, text: "One two", cut: false }], 50).turns;
  assert.deepEqual([turn.playing, turn.heard_text, turn.pending_text], [true, "One", "two"]);
  const [now] = recordOf({}, [{ n: 1, kind: "agent", from_ms: 0, heard_ms: 0, audio_ms: 0, text: "One two three four", cut: false }], 500).turns;
  assert.deepEqual([now.playing, now.heard_text, now.pending_text], [true, "One two", "three four"]);
  const over = { n: 1, kind: "agent", from_ms: 0, heard_ms: 90, audio_ms: 100, text: "One two", heard_text: "One two", unheard_text: null, cut: false };
  assert.equal(recordOf({}, [over], 500).turns[0].playing, undefined);
});

test("the next page is found in the header", () => {
  assert.equal(nextOf('</api/records?after=a%2Cb&limit=25>; rel="next"'), "/api/records?after=a%2Cb&limit=25");
  assert.equal(nextOf('</a>; rel="prev", </b?x=1,2>; rel="next"'), "/b?x=1,2");
  assert.deepEqual([nextOf(null), nextOf(""), nextOf("</a>; rel=\"prev\"")], [null, null, null]);
  assert.equal(pathWith("/api/records", { agent: "a b", none: "", nothing: null, zero: 0 }), "/api/records?agent=a+b&zero=0");
});

test("addresses lead to pages", () => {
  const routes = [{ path: "/" }, { path: "/calls/:sid" }];
  assert.deepEqual(parsed(""), { path: "/", query: new URLSearchParams() });
  assert.equal(parsed("#/history?agent=x").query.get("agent"), "x");
  assert.deepEqual(matched(routes, "/calls/CA1%20").params, { sid: "CA1 " });
  assert.deepEqual([matched(routes, "/calls/"), matched(routes, "/calls/a/b"), matched(routes, "/x")], [null, null, null]);
  assert.equal(matched(routes, "/calls/%E0%A4%A").params.sid, "%E0%A4%A");
});

test("the form of an outbound call becomes a question", () => {
  const body = askOf({ to: " +12025550123 ", from: "", agent: "survey", data: "name=Ada = b\n\n x=1", amd: "off", record: "no", max_minutes: "5", ring_s: "" });
  assert.deepEqual(body, { to: "+12025550123", by: "api", agent: "survey", record: false, max_minutes: 5, data: { name: "Ada = b", x: "1" } });
  assert.throws(() => askOf({ to: "+1", data: "no equals sign" }), /“no equals sign” is not key=value/);
  assert.match(newKey(), /^[0-9a-f]{32}$/);
});

test("the steps of a call say how far it is", () => {
  const now = (view) => stepsOf(view).find(([, , is]) => is)[0];
  const done = (view) => stepsOf(view).filter(([, is]) => is).map(([name]) => name);
  assert.equal(now({ state: "ringing" }), "ringing");
  assert.deepEqual(done({ state: "ringing" }), ["waiting", "sending", "queued"]);
  assert.equal(now({ state: "ended", outcome: "busy", sent_at: "x", answered_at: null }), "over");
  assert.ok(!done({ state: "ended", outcome: "busy", sent_at: "x", answered_at: null }).includes("answered"));
  assert.ok(done({ state: "ended", outcome: "completed", sent_at: "x", answered_at: "y" }).includes("answered"));
});

test("days without calls are days, too", () => {
  const days = everyDay([{ day: "2026-03-03", calls: 2, duration_ms: 60_000, cost_usd: 1 }, { day: "2026-03-01", calls: 1, duration_ms: 0, cost_usd: 0 }]);
  assert.deepEqual(days.map(({ day, calls }) => [day, calls]), [["2026-03-01", 1], ["2026-03-02", 0], ["2026-03-03", 2]]);
  assert.deepEqual([everyDay([]), together(days).calls], [[], 3]);
  const [moments, waits] = columns(days, (row) => row.response_p50_ms);
  assert.deepEqual([moments.length, waits], [3, [null, null, null]]);
});

test("a chart goes from its first to its last moment, also when they are the same", () => {
  assert.deepEqual([wholeDays([]), wholeDays([100_000]), wholeDays([100_000, 186_400])], [null, [56_800, 143_200], [56_800, 229_600]]);
  assert.deepEqual([lastMinutes([]), lastMinutes([500]), lastMinutes([100, 500])], [null, [440, 500], [100, 500]]);
});

test("filters become the API's query", () => {
  const query = queryOf({ agent: "desk", worse: "800", sort: "newest", to: "2026-03-03" });
  assert.deepEqual([query.agent, query.worse_than_ms, query.sort, query.since, query.until === startOfDay("2026-03-04")], ["desk", "800", "", null, true]);
});

test("mu-law becomes sound, the caller on the left", () => {
  const [caller, agent] = split(Uint8Array.from([0xff, 0x00, 0x80, 0x7f]));
  assert.deepEqual([caller[0], agent[1]].map(Math.abs), [0, 0]);
  assert.deepEqual([Math.round(caller[1] * 32_768), Math.round(agent[0] * 32_768)], [32_124, -32_124]);
});
