// Both directions of a telephone line, on the audio clock: what the browser's audio thread runs.
//
// The caller's voice leaves as frames of 20 ms of mu-law, whether a microphone is there or not; the
// agent's waits in the playout buffer and is heard through a filter. Marks go back when playback
// passes them.

import { Framer } from "./frames.js";
import { fromFloat, toFloat } from "./mulaw.js";
import { Playout } from "./playout.js";
import { Resampler } from "./resample.js";

const TELEPHONE_HZ = 8000;
const FADE_SAMPLES = 40; // 5 ms, so that what is cut off does not click
const HEARD = 1e-4; // what is softer is silence
const SETTLED_S = 0.05;

class Line extends AudioWorkletProcessor {
  constructor() {
    super();
    const rate = Math.round(sampleRate);
    this.toTelephone = new Resampler(rate, TELEPHONE_HZ);
    this.toEar = new Resampler(TELEPHONE_HZ, rate);
    this.framer = new Framer((frame) => this.frame(frame));
    this.open = false;
    this.ended = false;
    this.muted = false;
    this.fading = [];
    this.cut = null; // when playback was cut off, until it is known when it was silent
    this.lastHeard = 0;
    this.startAfresh();
    this.port.onmessage = (event) => this.told(event.data);
  }

  startAfresh() {
    this.playout = new Playout();
    this.callerPower = 0;
    this.agentPower = 0;
    this.agentSamples = 0;
    this.speaking = false;
  }

  told(message) {
    const acts = {
      open: () => this.opened(),
      close: () => this.closed(),
      audio: () => this.discarded(this.playout.audio(message.bytes)),
      mark: () => this.marks(this.playout.mark(message.name)),
      clear: () => this.marks(this.clear()),
      mute: () => (this.muted = message.on),
      end: () => (this.ended = true),
    };
    acts[message.type]();
  }

  opened() {
    this.startAfresh();
    this.framer = new Framer((frame) => this.frame(frame));
    this.open = true;
  }

  closed() {
    this.open = false;
    this.clear();
  }

  clear() {
    // A ramp over what would have been heard next; it counts as not heard.
    const next = this.playout.peek(FADE_SAMPLES);
    this.fading = Array.from(next, (byte, at) => toFloat(byte) * (1 - at / FADE_SAMPLES));
    if (next.length) this.cut = currentTime;
    return this.playout.clear();
  }

  discarded(count) {
    if (count) this.port.postMessage({ type: "discarded", bytes: count });
  }

  marks(names) {
    for (const name of names) this.port.postMessage({ type: "mark", name, at: currentTime });
  }

  process(inputs, outputs) {
    const [out] = outputs[0];
    this.listen(inputs[0]?.[0] ?? out.fill(0));
    this.play(out);
    this.marks(this.playout.due());
    this.settle();
    return !this.ended;
  }

  // From the microphone. Without one the caller is silent, and the line goes on.
  listen(block) {
    this.toTelephone.feed(block, (heard) => {
      const sample = this.muted ? 0 : heard;
      this.callerPower += sample * sample;
      if (this.open) this.framer.push(fromFloat(sample));
    });
  }

  frame(bytes) {
    const count = bytes.length;
    this.port.postMessage({
      type: "frame",
      bytes,
      at: currentTime,
      caller: Math.sqrt(this.callerPower / count),
      agent: this.agentSamples ? Math.sqrt(this.agentPower / this.agentSamples) : 0,
      speaking: this.speaking,
    });
    this.callerPower = 0;
    this.agentPower = 0;
    this.agentSamples = 0;
    this.speaking = false;
  }

  // To the ear.
  play(out) {
    this.toEar.fill(out, () => this.next());
    for (let at = out.length - 1; at >= 0; at -= 1) {
      if (Math.abs(out[at]) > HEARD) {
        this.lastHeard = currentTime + at / sampleRate;
        break;
      }
    }
  }

  next() {
    const byte = this.playout.next();
    let sample = 0;
    if (byte >= 0) {
      sample = toFloat(byte);
      this.speaking = true;
    }
    if (this.fading.length) sample += this.fading.shift();
    this.agentPower += sample * sample;
    this.agentSamples += 1;
    return sample;
  }

  // How long after a cut the ear still heard something.
  settle() {
    if (this.cut === null || (currentTime - this.cut < SETTLED_S && !this.playout.outstanding)) return;
    this.port.postMessage({ type: "silent", cut: this.cut, last: Math.max(this.cut, this.lastHeard) });
    this.cut = null;
  }
}

registerProcessor("line", Line);
