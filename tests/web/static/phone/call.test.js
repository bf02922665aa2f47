// A call of a softphone, from asking for it to its end, against a gateway and a line made by hand.

import assert from "node:assert/strict";
import test from "node:test";
import { PhoneCall } from "../../../../gateway/web/static/phone/call.js";

globalThis.WebSocket ??= { OPEN: 1 };
const PLACED = { call_sid: "CA1", stream_sid: "MZ1", account_sid: "AC1", ticket: "t1" };

class Socket {
  readyState = 0;
  bufferedAmount = 0;
  sent = [];

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    this.code = code;
    this.gone();
  }

  arrive() {
    this.readyState = 1;
    this.onopen();
  }

  say(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }

  gone() {
    this.readyState = 3;
    this.onclose();
  }

  get events() {
    return this.sent.map((message) => message.event);
  }
}

// A gateway that answers what it is given, in order, and the call it is asked for.
function scene(...answers) {
  const made = { asked: [], sockets: [], line: [], states: [] };
  const line = Object.fromEntries(["start", "stop", "audio", "mark", "clear"].map((name) => [name, (...given) => made.line.push([name, ...given])]));
  const api = {
    ask: async (path, { body }) => {
      made.asked.push([path, body]);
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  const connect = () => {
    made.sockets.push(new Socket());
    return made.sockets.at(-1);
  };
  made.call = new PhoneCall({ api, line, connect, tell: (call) => made.states.push(call.state) });
  return made;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

async function talking(...answers) {
  const made = scene(PLACED, ...answers);
  await made.call.begin({ agent: "frontdesk" });
  made.sockets[0].arrive();
  return made;
}

test("a call is asked for, and its stream begins with the ticket", async () => {
  const { call, asked, sockets, line, states } = await talking();
  assert.deepEqual(asked, [["/api/phone", { agent: "frontdesk", called: null }]]);
  assert.deepEqual(sockets[0].events, ["connected", "start"]);
  assert.equal(sockets[0].sent[1].start.customParameters.ticket, "t1");
  assert.deepEqual(line, [["start"]]);
  assert.deepEqual(states, ["calling", "talking"]);
  assert.equal(call.callSid, "CA1");
});

test("why there is no call is said", async () => {
  const { call, sockets } = scene(new Error("the gateway is full"));
  await call.begin();
  assert.deepEqual([call.state, call.why, sockets.length], ["over", "the gateway is full", 0]);
});

test("voice, marks and keys go to the gateway; audio, marks and clear to the line", async () => {
  const { call, sockets, line } = await talking();
  const [socket] = sockets;
  call.frame(new Uint8Array(160));
  call.returned("g0:1");
  call.press("5");
  assert.deepEqual(socket.events.slice(2), ["media", "mark", "dtmf"]);
  socket.say({ event: "media", streamSid: "MZ1", media: { payload: "/w==" } });
  socket.say({ event: "mark", streamSid: "MZ1", mark: { name: "g0:2" } });
  socket.say({ event: "clear", streamSid: "MZ1" });
  socket.say({ event: "clear", streamSid: "MZ9" });
  assert.deepEqual(line.slice(1), [["audio", Uint8Array.of(255)], ["mark", "g0:2"], ["clear"]]);
  assert.equal(call.faults, 1);
});

test("a gateway that does not read gets no late voice, and sees the gap", async () => {
  const { call, sockets } = await talking();
  const [socket] = sockets;
  socket.bufferedAmount = 1e6;
  call.frame(new Uint8Array(160));
  socket.bufferedAmount = 0;
  call.frame(new Uint8Array(160));
  assert.deepEqual(socket.events.slice(2), ["media"]);
  assert.deepEqual([socket.sent[2].media.timestamp, call.dropped], ["20", 1]);
});

test("hanging up says so, cuts the playback, and asks nothing more", async () => {
  const { call, sockets, line, asked } = await talking();
  call.hangUp();
  call.frame(new Uint8Array(160));
  call.returned("g0:1");
  await settled();
  assert.deepEqual(sockets[0].events.slice(2), ["stop"]);
  assert.deepEqual([sockets[0].code, line.at(-1), asked.length, call.state], [1000, ["stop"], 1, "over"]);
});

test("a stream the gateway closed may be the end", async () => {
  const { call, sockets, asked } = await talking({ do: "hangup" });
  sockets[0].gone();
  await settled();
  assert.deepEqual(asked[1], ["/api/phone/CA1/next", { after: "stream", there: true }]);
  assert.deepEqual([call.state, call.why], ["over", "The agent hung up."]);
});

test("what the caller was not told is said", async () => {
  const { call, sockets } = await talking({ do: "hangup", say: "We are sorry." });
  sockets[0].gone();
  await settled();
  assert.equal(call.why, "We are sorry.");
});

test("a transfer nobody takes leads back to the same call", async () => {
  const dial = { do: "dial", destination: "billing", description: "", timeout_s: 20 };
  const { call, sockets, asked, states } = await talking(dial, { do: "connect", ticket: "t2", stream_sid: "MZ2" });
  sockets[0].gone();
  await settled();
  assert.deepEqual([call.state, call.destination], ["elsewhere", dial]);
  await call.decide("no-answer");
  assert.deepEqual(asked[2][1], { after: "dial", status: "no-answer", there: true });
  sockets[1].arrive();
  const start = sockets[1].sent[1];
  assert.deepEqual([start.streamSid, start.start.callSid, start.start.customParameters.ticket], ["MZ2", "CA1", "t2"]);
  assert.deepEqual(states, ["calling", "talking", "elsewhere", "talking"]);
});

test("a transfer that was taken is the end", async () => {
  const { call, sockets } = await talking({ do: "dial", destination: "billing" }, { do: "hangup" });
  sockets[0].gone();
  await settled();
  await call.decide("completed");
  assert.equal(call.state, "over");
});

test("hanging up on the way to somebody is told", async () => {
  const { call, sockets, asked } = await talking({ do: "dial", destination: "billing" }, { do: "hangup" });
  sockets[0].gone();
  await settled();
  call.hangUp();
  await settled();
  assert.deepEqual(asked[2][1], { after: "dial", status: "no-answer", there: false });
});

test("hanging up while it is asked what comes next is told, too", async () => {
  const { call, sockets, asked } = await talking({ do: "dial", destination: "billing" }, { do: "hangup" });
  sockets[0].gone();
  call.hangUp();
  await settled();
  assert.deepEqual(asked[2][1], { after: "dial", status: "no-answer", there: false });
});

test("a gateway that is gone is said to be", async () => {
  const { call, sockets } = await talking(new Error("no answer"));
  sockets[0].gone();
  await settled();
  assert.equal(call.why, "The connection to the gateway was lost.");
});

test("hung up before there was a call, none is streamed", async () => {
  const { call, sockets } = scene(PLACED);
  const beginning = call.begin();
  call.hangUp();
  await beginning;
  assert.equal(sockets.length, 0);
});
