// Where we are in the call: the sound, when there is one, and a place to look at when there is none.

import { icon } from "./dom.js";
import { FRAME_MS } from "./model.js";
import { clock } from "./words.js";

/** Plays the recording of a call and knows the moment it is at (ms of the call's clock). */
export class Player {
  /**
   * @param {object} call the model of `model.js`
   * @param {object} parts elements of the frame
   * @param {(ms: number, jumped: boolean) => void} onMove
   */
  constructor(call, parts, onMove) {
    this.onMove = onMove;
    this.parts = parts;
    this.audio = parts.audio;
    this.ms = 0;
    parts.play.addEventListener("click", () => this.toggle());
    parts.rate.addEventListener("click", () => this.faster());
    for (const name of ["play", "pause", "ended"]) this.audio.addEventListener(name, () => this.shown());
    for (const name of ["seeked", "timeupdate"]) this.audio.addEventListener(name, () => this.read());
    this.audio.addEventListener("error", () => this.fail());
    this.show(call);
  }

  /** Another call, or more of it. */
  show(call) {
    this.call = call;
    this.parts.whole.textContent = ` / ${clock(call.whole)}`;
    this.shown();
  }

  get playable() {
    return this.audio.hasAttribute("src") && this.audio.error === null;
  }

  get playing() {
    return this.playable && !this.audio.paused;
  }

  toggle() {
    if (!this.playable) return;
    if (this.playing) this.audio.pause();
    else void this.audio.play();
  }

  faster() {
    const rates = [1, 1.25, 1.5, 2];
    this.audio.playbackRate = rates[(rates.indexOf(this.audio.playbackRate) + 1) % rates.length];
    this.parts.rate.textContent = `${this.audio.playbackRate}×`;
  }

  // To a moment of the call, whether it was recorded or not.
  seek(ms) {
    this.ms = Math.min(this.call.whole, Math.max(0, ms));
    if (this.playable) this.audio.currentTime = Math.max(0, (this.ms - this.call.offset) / 1000);
    this.onMove(this.ms, true);
  }

  // The call's clock from the sound's; a moment that was not recorded stays where it was put.
  read() {
    const heard = this.call.offset + this.audio.currentTime * 1000;
    const outside = this.ms < this.call.offset || this.ms > this.call.offset + this.audio.duration * 1000;
    if (!this.playing && (outside || Math.abs(heard - this.ms) < FRAME_MS)) return;
    this.ms = Math.min(heard, this.call.whole);
    this.onMove(this.ms, false);
  }

  shown() {
    const playing = this.playing;
    this.parts.play.disabled = !this.playable;
    this.parts.play.setAttribute("aria-label", playing ? "Pause" : "Play");
    this.parts.play.replaceChildren(icon(playing ? "pause" : "play"));
    this.parts.rate.hidden = !this.playable;
    this.parts.player.classList.toggle("silent", !this.playable);
    if (playing) requestAnimationFrame(() => this.tick());
  }

  tick() {
    if (!this.playing) return;
    this.read();
    requestAnimationFrame(() => this.tick());
  }

  fail() {
    this.parts["sound-note"].textContent = "This browser cannot play the recording.";
    this.shown();
  }

  // A recording that is too large for the page, chosen from the disk.
  open(file) {
    if (!file) return;
    this.chosen = URL.createObjectURL(file);
    this.audio.src = this.chosen;
    this.shown();
    this.seek(this.ms);
  }

  /** Silent from now on; what was held for the sound is let go. */
  dispose() {
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.audio.load();
    if (this.chosen) URL.revokeObjectURL(this.chosen);
  }
}
