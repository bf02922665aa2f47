// The page of a call: drawing, sound and words move as one, while it goes on and afterwards.

import { el } from "./dom.js";
import { frameOf } from "./frame.js";
import { Happenings } from "./happenings.js";
import { showFacts, showHead } from "./head.js";
import { listenToKeys } from "./keys.js";
import { showLatency } from "./latency.js";
import { modelOf, speaking } from "./model.js";
import { showNotes } from "./notes.js";
import { Player } from "./player.js";
import { soundNote } from "./sound.js";
import { Strip } from "./strip.js";
import { Transcript } from "./transcript.js";
import { showUsage } from "./usage.js";
import { capital, clock, excerpt } from "./words.js";

/** A call on a page. */
export class CallView {
  /**
   * @param {HTMLElement} root is filled
   * @param {HTMLAudioElement} audio
   * @param {object} data see `modelOf`
   * @param {{zone?: string}} options the zone moments are told in; the viewer's when left out
   */
  constructor(root, audio, data, { zone } = {}) {
    const frame = frameOf(audio);
    this.parts = frame.parts;
    this.zone = zone;
    root.replaceChildren(frame.root);
    this.call = modelOf(data);
    this.seek = (ms) => this.player.seek(ms);
    this.player = new Player(this.call, this.parts, (ms, jumped) => this.moved(ms, jumped));
    this.strip = new Strip(this.call, this.parts, this.seek);
    this.transcript = new Transcript(this.parts, this.seek);
    this.happenings = new Happenings(this.parts, this.seek);
    this.listen();
    this.show();
    this.moved(this.call.live ? this.call.whole : 0, false);
  }

  listen() {
    this.parts["zoom-in"].addEventListener("click", () => this.zoom(1.6));
    this.parts["zoom-out"].addEventListener("click", () => this.zoom(1 / 1.6));
    this.parts["zoom-fit"].addEventListener("click", () => this.strip.fit());
    this.deaf = listenToKeys(this);
  }

  /** More of the call than there was, or its record when it is over. */
  update(data) {
    this.call = modelOf(data);
    this.player.show(this.call);
    this.strip.show(this.call);
    this.show();
    this.moved(this.call.live ? this.call.whole : this.player.ms, false);
  }

  show() {
    const { call, parts, seek } = this;
    parts.transcript.classList.toggle("growing", call.live);
    showHead(call, parts, this.zone);
    showFacts(call, parts);
    showNotes(call, parts, seek);
    this.transcript.show(call);
    showLatency(call, parts, seek);
    showUsage(call, parts);
    this.happenings.show(call);
    showLegend(call, parts);
    this.showSoundNote();
    // Of a call that never was there is nothing to draw, or to play.
    parts.timeline.hidden = !call.happened;
    parts.player.hidden = !call.happened || call.live;
  }

  /** The colours of the page have changed. */
  repaint() {
    this.strip.repaint();
  }

  /** Around the playhead when it is in sight. */
  zoom(factor) {
    const { strip, player } = this;
    const x = strip.xAt(player.ms) - strip.root.scrollLeft;
    strip.zoomBy(factor, x >= 0 && x <= strip.width ? x : undefined);
  }

  /** Lets go of everything. */
  dispose() {
    this.deaf();
    this.player.dispose();
    this.strip.dispose();
  }

  moved(ms, jumped) {
    const { strip, player, parts } = this;
    if (!strip) return;
    strip.place(ms);
    if (jumped) strip.reveal();
    else if (player.playing || this.call.live) strip.follow();
    parts.now.textContent = clock(ms, true);
    const turn = speaking(this.call, ms);
    if (turn?.line !== this.current) {
      this.current?.removeAttribute("aria-current");
      turn?.line?.setAttribute("aria-current", "true");
      this.current = turn?.line;
    }
    if (turn !== this.said) this.showCaption(turn);
    this.said = turn;
    for (const [name, value] of [["max", this.call.whole], ["min", 0], ["now", ms]]) {
      strip.root.setAttribute(`aria-value${name}`, Math.round(value / 1000));
    }
    strip.root.setAttribute("aria-valuetext", turn ? `${clock(ms)}, ${turn.who} speaks` : clock(ms));
  }

  showCaption(turn) {
    const words = turn ? (turn.row.heard_text ?? turn.row.text) : "";
    const hint = this.player.playable ? "Space plays, ← and → move by five seconds" : "← and → move by five seconds";
    this.parts.caption.replaceChildren(
      ...(turn
        ? [el("b", { class: turn.who }, capital(turn.who)), " ", el("span", { dir: "auto" }, excerpt(words, 200) || "…")]
        : [el("span", { class: "hint" }, hint)]),
    );
  }

  showSoundNote() {
    const note = this.parts["sound-note"];
    note.textContent = this.call.live ? "" : soundNote(this.call);
    if (this.call.sound.missing !== "large") return;
    const input = el("input", { type: "file", accept: "audio/*", "aria-label": "The recording" });
    input.addEventListener("change", () => this.player.open(input.files[0]));
    note.append(" ", input);
  }
}

function showLegend(call, parts) {
  const has = (kind) => call.marks.some((mark) => mark.drawn && mark.kind === kind);
  const items = [
    ["caller", "caller", true],
    ["agent", "agent", true],
    ["ghost", "made, but not heard", call.turns_said.some((turn) => turn.unheard_ms && turn.end !== null)],
    ["cut", "interruption", call.turns_said.some((turn) => turn.cut)],
    ["tool", "tool", call.tools.length > 0],
    ["handoff", "handoff", has("handoff")],
    ["guard", "guardrail", has("guardrail")],
  ].filter(([, , shown]) => shown);
  parts.legend.replaceChildren(
    ...items.map(([tone, name]) => el("li", {}, el("span", { class: `swatch ${tone}`, "aria-hidden": "true" }), name)),
  );
}
