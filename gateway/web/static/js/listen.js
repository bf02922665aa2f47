// Both sides of a call that goes on, as sound: interleaved stereo mu-law at 8 kHz, the caller left.

const RATE = 8000;
/** What is held back so that late frames leave no gap (s). */
const LEAD_S = 0.2;
/** More than this in hand (s) is old: what is heard jumps to now. */
const MOST_S = 0.8;

const LINEAR = Float32Array.from({ length: 256 }, (_, byte) => {
  const code = ~byte & 0xff;
  const magnitude = (((code & 0x0f) << 3) + 0x84) << ((code & 0x70) >> 4);
  return ((code & 0x80 ? -1 : 1) * (magnitude - 0x84)) / 32768;
});

/** Caller and agent of a frame as samples between -1 and 1. */
export function split(bytes) {
  const length = bytes.length >> 1;
  const [caller, agent] = [new Float32Array(length), new Float32Array(length)];
  for (let at = 0; at < length; at += 1) {
    caller[at] = LINEAR[bytes[2 * at]];
    agent[at] = LINEAR[bytes[2 * at + 1]];
  }
  return [caller, agent];
}

function loudness(samples) {
  let most = 0;
  for (const value of samples) most = Math.max(most, Math.abs(value));
  return most;
}

/** Listens in to one call; begin it in answer to a click, or browsers stay silent. */
export class Listener {
  /**
   * @param {string} callSid
   * @param {{onLevels: (caller: number, agent: number) => void, onNews: (what: string) => void, onEnd: (why: string) => void}} told
   *   `onNews`: "away" and "back" as the caller is
   */
  constructor(callSid, { onLevels, onNews, onEnd }) {
    this.onLevels = onLevels;
    this.onNews = onNews;
    this.onEnd = onEnd;
    this.context = new AudioContext({ sampleRate: RATE });
    this.gain = this.context.createGain();
    this.gain.connect(this.context.destination);
    this.at = 0;
    this.frames = 0;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/api/live/calls/${encodeURIComponent(callSid)}/listen`);
    this.socket.binaryType = "arraybuffer";
    this.socket.addEventListener("message", (event) => this.hear(event.data));
    this.socket.addEventListener("close", () => this.stop(this.frames ? "" : "Listening was refused, or the call is over."));
  }

  /** 0 to 1. */
  set volume(value) {
    this.gain.gain.value = value;
  }

  hear(data) {
    if (typeof data === "string") return this.told(data);
    this.frames += 1;
    const tracks = split(new Uint8Array(data));
    this.onLevels(loudness(tracks[0]), loudness(tracks[1]));
    if (!tracks[0].length) return;
    const buffer = this.context.createBuffer(2, tracks[0].length, RATE);
    tracks.forEach((track, side) => buffer.copyToChannel(track, side));
    const now = this.context.currentTime;
    if (this.at > now + MOST_S) return;
    if (this.at < now) this.at = now + LEAD_S;
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.gain);
    source.start(this.at);
    this.at += buffer.duration;
  }

  told(text) {
    const news = parsed(text);
    if (news.type === "ended") this.stop("The call is over.");
    else if (news.type === "refused") this.stop(news.error ?? "Listening was refused.");
    else if (news.type === "away" || news.type === "back") this.onNews(news.type);
  }

  /** No sound any more; safe to call twice. */
  stop(why = "") {
    if (this.over) return;
    this.over = true;
    this.socket.close();
    void this.context.close();
    this.onEnd(why);
  }
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
