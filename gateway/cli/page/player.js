// Where we are in the call: the sound, when there is one, and a place to look at when there is none.

class Player {
  constructor(call, onMove) {
    this.call = call;
    this.onMove = onMove;
    this.audio = byId("audio");
    this.button = byId("play");
    this.ms = 0;
    this.button.addEventListener("click", () => this.toggle());
    byId("rate").addEventListener("click", () => this.faster());
    for (const name of ["play", "pause", "ended"]) this.audio.addEventListener(name, () => this.show());
    for (const name of ["seeked", "timeupdate"]) this.audio.addEventListener(name, () => this.read());
    this.audio.addEventListener("error", () => this.fail());
    byId("whole").textContent = ` / ${clock(call.whole)}`;
    this.show();
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
    byId("rate").textContent = `${this.audio.playbackRate}×`;
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

  show() {
    const playing = this.playing;
    this.button.disabled = !this.playable;
    this.button.setAttribute("aria-label", playing ? "Pause" : "Play");
    byId("play-icon").setAttribute("href", playing ? "#i-pause" : "#i-play");
    byId("rate").hidden = !this.playable;
    byId("player").classList.toggle("silent", !this.playable);
    if (playing) requestAnimationFrame(() => this.tick());
  }

  tick() {
    if (!this.playing) return;
    this.read();
    requestAnimationFrame(() => this.tick());
  }

  fail() {
    byId("sound-note").textContent = "This browser cannot play the recording.";
    this.show();
  }

  // A recording that is too large for the page, chosen from the disk.
  open(file) {
    if (!file) return;
    this.audio.src = URL.createObjectURL(file);
    this.show();
    this.seek(this.ms);
  }
}

const WHY_SILENT = table({
  declined: "There is no recording: the caller did not want to be recorded.",
  withdrawn: "There is no recording: the caller took the consent back.",
});

// One sentence on the recording: none, why, or what is missing of it.
function soundNote(call) {
  const { missing, bytes } = call.sound;
  if (missing === "large") {
    const kept = known(call.recording) ? ` (the gateway keeps it as ${call.recording})` : "";
    return `The recording is too large for this page (${megabytes(bytes)}). “gateway calls export ${call.call_sid ?? ""} --audio” writes it to a file${kept}; choose that file to listen.`;
  }
  if (missing === "unreadable") return "The recording could not be read: it is no stereo WAV file.";
  if (!missing) {
    return known(call.recording_incomplete)
      ? `A part of the recording is missing: ${worded(call.recording_incomplete)}.`
      : "";
  }
  if (WHY_SILENT[call.consent]) return WHY_SILENT[call.consent];
  if (known(call.recording_purged_at)) {
    return `The recording was deleted on ${day(call.recording_purged_at)}.`;
  }
  return known(call.recording)
    ? `The recording ${call.recording} was not at hand when this page was made.`
    : "This call was not recorded.";
}
