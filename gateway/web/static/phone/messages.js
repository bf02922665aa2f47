// Twilio's Media Streams, from the carrier's end: the messages a softphone sends, and those it obeys.
//
// Numbers are written as strings, as Twilio does. What comes is read as strictly as Twilio reads it:
// a missing or an extra field is a fault (its error 31951), and so is another stream's message.

const SAMPLES_PER_MS = 8;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const KEYS = /^[0-9*#A-D]$/;

/** What one stream says, in order. */
export class Messages {
  constructor({ accountSid, callSid, streamSid, ticket }) {
    this.accountSid = accountSid;
    this.callSid = callSid;
    this.streamSid = streamSid;
    this.ticket = ticket;
    this.sequence = 0;
    this.chunk = 0;
    this.samples = 0;
  }

  connected() {
    return JSON.stringify({ event: "connected", protocol: "Call", version: "1.0.0" });
  }

  start() {
    const { accountSid, callSid, streamSid, ticket } = this;
    return this.message("start", {
      accountSid,
      callSid,
      streamSid,
      tracks: ["inbound"],
      mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 },
      customParameters: { ticket },
    });
  }

  /** The caller's next bytes of mu-law. */
  media(bytes) {
    this.chunk += 1;
    const timestamp = Math.floor(this.samples / SAMPLES_PER_MS);
    this.samples += bytes.length;
    return this.message("media", {
      track: "inbound",
      chunk: String(this.chunk),
      timestamp: String(timestamp),
      payload: btoa(String.fromCharCode(...bytes)),
    });
  }

  /** Time went by in which nothing could be sent: a gap, to be seen in the timestamps. */
  skip(ms) {
    this.samples += Math.max(0, Math.floor(ms / 20) * 20 * SAMPLES_PER_MS);
  }

  mark(name) {
    return this.message("mark", { name });
  }

  dtmf(digit) {
    if (!KEYS.test(digit)) throw new RangeError("no such key");
    return this.message("dtmf", { track: "inbound_track", digit });
  }

  stop() {
    return this.message("stop", { accountSid: this.accountSid, callSid: this.callSid });
  }

  message(event, body) {
    this.sequence += 1;
    return JSON.stringify({
      event,
      sequenceNumber: String(this.sequence),
      [event]: body,
      streamSid: this.streamSid,
    });
  }
}

function has(object, ...names) {
  return (
    typeof object === "object" &&
    object !== null &&
    Object.keys(object).length === names.length &&
    names.every((name) => Object.hasOwn(object, name))
  );
}

/**
 * One text frame of the gateway's: {event: "media", bytes}, {event: "mark", name} or
 * {event: "clear"}; {event: "fault", why} for what Twilio would not take.
 */
export function read(text, streamSid) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return { event: "fault", why: "no JSON" };
  }
  const event = message?.event;
  if (!["media", "mark", "clear"].includes(event)) return { event: "fault", why: "unknown type" };
  if (!has(message, "event", "streamSid", ...(event === "clear" ? [] : [event]))) {
    return { event: "fault", why: "a missing or an extra field" };
  }
  if (message.streamSid !== streamSid) return { event: "fault", why: "another stream" };
  if (event === "clear") return { event };
  return event === "mark" ? readMark(message.mark) : readMedia(message.media);
}

function readMark(mark) {
  if (!has(mark, "name") || typeof mark.name !== "string") {
    return { event: "fault", why: "a mark without a name" };
  }
  return { event: "mark", name: mark.name };
}

function readMedia(media) {
  const payload = has(media, "payload") ? media.payload : null;
  if (typeof payload !== "string" || !BASE64.test(payload)) {
    return { event: "fault", why: "a payload that is not base64" };
  }
  const text = atob(payload);
  return { event: "media", bytes: Uint8Array.from(text, (letter) => letter.charCodeAt(0)) };
}
