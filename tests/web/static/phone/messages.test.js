// The messages of a softphone have Twilio's shape, and what comes is read as strictly as by Twilio.

import assert from "node:assert/strict";
import test from "node:test";
import { Messages, read } from "../../../../gateway/web/static/phone/messages.js";

const IDS = { accountSid: "AC1", callSid: "CA1", streamSid: "MZ1", ticket: "v1.x" };
const FRAME = Uint8Array.from({ length: 160 }, (_, at) => at);

test("a stream begins as Twilio's do", () => {
  const messages = new Messages(IDS);
  assert.deepEqual(JSON.parse(messages.connected()), { event: "connected", protocol: "Call", version: "1.0.0" });
  assert.deepEqual(JSON.parse(messages.start()), {
    event: "start",
    sequenceNumber: "1",
    start: {
      accountSid: "AC1",
      callSid: "CA1",
      streamSid: "MZ1",
      tracks: ["inbound"],
      mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 },
      customParameters: { ticket: "v1.x" },
    },
    streamSid: "MZ1",
  });
});

test("numbers are strings, one sequence counts all, chunks count media, time is of the audio", () => {
  const messages = new Messages(IDS);
  messages.start();
  const first = JSON.parse(messages.media(FRAME));
  assert.deepEqual(Object.keys(first), ["event", "sequenceNumber", "media", "streamSid"]);
  assert.deepEqual(first.media, { track: "inbound", chunk: "1", timestamp: "0", payload: Buffer.from(FRAME).toString("base64") });
  assert.equal(JSON.parse(messages.mark("g0:1")).sequenceNumber, "3");
  const second = JSON.parse(messages.media(FRAME));
  assert.deepEqual([second.sequenceNumber, second.media.chunk, second.media.timestamp], ["4", "2", "20"]);
  messages.skip(1234.5);
  assert.equal(JSON.parse(messages.media(FRAME)).media.timestamp, "1260");
});

test("keys, marks and the end", () => {
  const messages = new Messages(IDS);
  assert.deepEqual(JSON.parse(messages.dtmf("#")).dtmf, { track: "inbound_track", digit: "#" });
  assert.throws(() => messages.dtmf("12"), RangeError);
  assert.deepEqual(JSON.parse(messages.mark("g0:1")).mark, { name: "g0:1" });
  assert.deepEqual(JSON.parse(messages.stop()).stop, { accountSid: "AC1", callSid: "CA1" });
});

test("what the gateway sends is understood", () => {
  const payload = Buffer.from(FRAME).toString("base64");
  assert.deepEqual(read(JSON.stringify({ event: "media", streamSid: "MZ1", media: { payload } }), "MZ1"), { event: "media", bytes: FRAME });
  assert.deepEqual(read('{"event":"mark","streamSid":"MZ1","mark":{"name":"g0:1"}}', "MZ1"), { event: "mark", name: "g0:1" });
  assert.deepEqual(read('{"event":"clear","streamSid":"MZ1"}', "MZ1"), { event: "clear" });
});

for (const [what, text] of Object.entries({
  "no JSON": "{",
  "no object": "[]",
  nothing: "null",
  "an unknown type": '{"event":"stop","streamSid":"MZ1","stop":{}}',
  "another stream": '{"event":"clear","streamSid":"MZ2"}',
  "no stream": '{"event":"clear"}',
  "an extra field": '{"event":"clear","streamSid":"MZ1","sequenceNumber":"1"}',
  "an extra field of the media": '{"event":"media","streamSid":"MZ1","media":{"payload":"","track":"inbound"}}',
  "a mark that is not nested": '{"event":"mark","streamSid":"MZ1","name":"x"}',
  "a payload that is no base64": '{"event":"media","streamSid":"MZ1","media":{"payload":"a-b_"}}',
  "no payload": '{"event":"media","streamSid":"MZ1","media":{}}',
})) {
  test(`${what} is a fault`, () => assert.equal(read(text, "MZ1").event, "fault"));
}
