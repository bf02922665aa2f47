// One call of a softphone: asked for, streamed, connected onward, over. No page, no sound card.

import { Messages, read } from "./messages.js";

const MOST_UNSENT = 32 * 1024; // some three seconds of voice: whoever does not read does not hear it
const NORMAL = 1000;

/** States: `calling`, `talking`, `elsewhere` (would be connected to somebody), `over`. */
export class PhoneCall {
  /**
   * @param {{api: object, line: object, tell: (call: PhoneCall) => void, connect?: (path: string) => WebSocket}} parts
   * `api.ask(path, {method, body})` answers JSON; `line` is told to start, stop, play, mark and clear;
   * `tell` hears of every change.
   */
  constructor({ api, line, tell, connect = opened }) {
    this.api = api;
    this.line = line;
    this.tell = tell;
    this.connect = connect;
    this.state = "calling";
    this.why = "";
    this.callSid = "";
    this.destination = null;
    this.faults = 0;
    this.dropped = 0;
    this.socket = null;
    this.messages = null;
  }

  /** Asks for a call to an agent (`null` = the route's), by one of our numbers (`null` = none). */
  async begin({ agent = null, called = null } = {}) {
    let placed;
    try {
      placed = await this.api.ask("/api/phone", { method: "POST", body: { agent, called } });
    } catch (refusal) {
      this.end(refusal.message);
      return;
    }
    this.callSid = placed.call_sid;
    this.ids = { accountSid: placed.account_sid, callSid: placed.call_sid };
    if (this.state === "over") return; // hung up meanwhile; without a stream the call ends by itself
    this.tell(this);
    this.stream(placed);
  }

  // A stream, the first one or another to the same call.
  stream({ stream_sid: streamSid, ticket }) {
    this.messages = new Messages({ ...this.ids, streamSid, ticket });
    const socket = this.connect("/api/phone");
    this.socket = socket;
    socket.onopen = () => {
      socket.send(this.messages.connected());
      socket.send(this.messages.start());
      this.line.start();
      this.turn("talking");
    };
    socket.onmessage = (event) => this.hear(event.data);
    socket.onclose = () => this.lost(socket);
  }

  hear(text) {
    const message = read(text, this.messages.streamSid);
    if (message.event === "media") this.line.audio(message.bytes);
    else if (message.event === "mark") this.line.mark(message.name);
    else if (message.event === "clear") this.line.clear();
    else this.faults += 1;
  }

  // The line says

  /** 20 ms of the caller's voice. */
  frame(bytes) {
    if (!this.streams) return;
    if (this.socket.bufferedAmount > MOST_UNSENT) {
      this.dropped += 1;
      this.messages.skip(20);
      return;
    }
    this.socket.send(this.messages.media(bytes));
  }

  /** Playback has passed a mark, or it was cleared. */
  returned(name) {
    if (this.streams) this.socket.send(this.messages.mark(name));
  }

  /** The machine slept; the gateway sees the gap in the timestamps. */
  slept(ms) {
    this.messages?.skip(ms);
  }

  // The person does

  press(key) {
    if (this.streams) this.socket.send(this.messages.dtmf(key));
  }

  hangUp() {
    if (this.state === "over") return;
    const { socket, state } = this;
    this.end("You hung up.");
    if (state === "elsewhere") this.leave();
    if (socket?.readyState === WebSocket.OPEN) socket.send(this.messages.stop());
    socket?.close(NORMAL);
  }

  /** How a transfer went: `completed`, `busy`, `no-answer`. */
  async decide(status) {
    if (this.state === "elsewhere") await this.go({ after: "dial", status, there: true });
  }

  // Inside

  get streams() {
    return this.state === "talking" && this.socket?.readyState === WebSocket.OPEN;
  }

  lost(socket) {
    if (this.socket !== socket || this.state === "over") return;
    this.line.stop();
    void this.go({ after: "stream", there: true });
  }

  // Hung up on the way to somebody. Should this not arrive, the call ends by itself.
  leave() {
    this.next({ after: "dial", status: "no-answer", there: false }).catch(() => {});
  }

  next(after) {
    return this.api.ask(`/api/phone/${this.callSid}/next`, { method: "POST", body: after });
  }

  // What a carrier would do now.
  async go(after) {
    let onward;
    try {
      onward = await this.next(after);
    } catch {
      this.end("The connection to the gateway was lost.");
      return;
    }
    if (this.state === "over") {
      if (onward.do === "dial") this.leave();
      return;
    }
    if (onward.do === "connect") {
      this.stream(onward);
    } else if (onward.do === "dial") {
      this.destination = onward;
      this.turn("elsewhere");
    } else {
      this.end(onward.say || (after.after === "dial" ? "You were connected; the call is over." : "The agent hung up."));
    }
  }

  turn(state) {
    if (this.state === "over") return;
    this.state = state;
    this.tell(this);
  }

  end(why) {
    if (this.state === "over") return;
    this.line.stop();
    this.state = "over";
    this.why = why;
    this.tell(this);
  }
}

function opened(path) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(`${scheme}//${location.host}${path}`);
}
