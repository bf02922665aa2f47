// The small parts: frames, keys, levels, and how an entry of the timeline reads.

import assert from "node:assert/strict";
import test from "node:test";
import { Framer } from "../../../../gateway/web/static/phone/frames.js";
import { keyOf, KEYS, tones } from "../../../../gateway/web/static/phone/keys.js";
import { share } from "../../../../gateway/web/static/phone/meter.js";
import { lineOf } from "../../../../gateway/web/static/phone/talk.js";

test("frames are whole, and each is another's memory", () => {
  const frames = [];
  const framer = new Framer((frame) => frames.push(frame));
  for (let at = 0; at < 500; at += 1) framer.push(at & 0xff);
  assert.deepEqual(frames.map((frame) => frame.length), [160, 160, 160]);
  assert.deepEqual([frames[0][0], frames[1][0], frames[2][0]], [0, 160, 64]);
});

test("each key has its two tones", () => {
  assert.equal(KEYS.length, 12);
  assert.deepEqual(tones("1"), [697, 1209]);
  assert.deepEqual(tones("0"), [941, 1336]);
  assert.deepEqual(tones("#"), [941, 1477]);
  assert.throws(() => tones("x"), RangeError);
  assert.equal(new Set(KEYS.map((key) => tones(key).join())).size, 12);
});

test("keys of the keyboard are keys of the telephone, alone and once", () => {
  assert.equal(keyOf({ key: "5" }), "5");
  assert.equal(keyOf({ key: "#" }), "#");
  assert.equal(keyOf({ key: "5", ctrlKey: true }), null);
  assert.equal(keyOf({ key: "5", repeat: true }), null);
  assert.equal(keyOf({ key: "Enter" }), null);
});

test("a level is a share of 54 dB", () => {
  assert.deepEqual([share(0), share(1e-6), share(1), share(2)], [0, 0, 1, 1]);
  assert.ok(Math.abs(share(10 ** (-27 / 20)) - 0.5) < 1e-9);
});

test("entries read as sentences", () => {
  assert.deepEqual(lineOf({ kind: "caller", text: null, to_ms: null }).text, "speaking …");
  assert.deepEqual(lineOf({ kind: "agent", text: "Hello", agent: "faq", cut: true, heard_ms: 1234 }), { who: "agent", text: "Hello", note: "cut off after 1.2 s", symbol: "", by: "faq" });
  assert.equal(lineOf({ kind: "tool", tool: "look_up", duration_ms: null }).text, "look up …");
  assert.equal(lineOf({ kind: "handoff", from_agent: "a", to_agent: "b" }).text, "a handed over to b");
  assert.equal(lineOf({ kind: "keys", count: 2 }).text, "2 keys pressed");
  assert.equal(lineOf({ kind: "turn", response_ms: null }), null);
  const turn = { kind: "turn", endpoint_ms: 504.2, model_ms: 351, gateway_ms: 0.04, response_ms: 855.3 };
  assert.equal(lineOf(turn).text, "you waited 855\u00a0ms: your turn noticed as over 504\u00a0ms, model 351\u00a0ms, gateway 0.04\u00a0ms");
  assert.equal(lineOf({ kind: "constructor" }), null);
});
