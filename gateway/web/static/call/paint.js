// What is drawn: sound and words of both sides, what nobody heard, tools, and what happened when.

import { el } from "./dom.js";
import { EDGE, LANE } from "./lanes.js";
import { loudness, reference } from "./loudness.js";
import { Signs } from "./signs.js";
import { clock, excerpt, lasting } from "./words.js";

const BAR = { width: 2, step: 3 };
const TICKS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
const TICK_PX = 74;
const FONT = '11px "Inter", ui-sans-serif, system-ui, sans-serif';
const WORDS_PX_PER_S = 22;
const COLOURS = ["ink", "soft", "line", "card", "caller", "caller-tint", "agent", "agent-tint", "cut", "tool", "mark", "guard"];

/** Draws what of a call a strip shows. */
export class Painter {
  constructor(strip) {
    this.strip = strip;
    this.pen = strip.canvas.getContext("2d");
    this.signs = new Signs(this);
    this.show(strip.call);
    this.recolour();
  }

  /** Another call, or more of it. */
  show(call) {
    this.call = call;
    this.loudest = {};
    for (const who of ["caller", "agent"]) {
      if (call.peaks[who]) this.loudest[who] = reference(call.peaks[who]);
    }
    this.signs.show(call);
  }

  // The page's colours as a canvas understands them.
  recolour() {
    const probe = el("span");
    document.body.append(probe);
    this.colours = {};
    for (const name of COLOURS) {
      probe.style.color = `var(--${name})`;
      this.colours[name] = getComputedStyle(probe).color;
    }
    probe.remove();
  }

  draw() {
    const { strip, pen } = this;
    this.width = strip.width;
    this.left = strip.root.scrollLeft;
    // Drawn small, nobody could read the words: the sound gets their room.
    this.words = strip.pxPerMs * 1000 >= WORDS_PX_PER_S ? LANE.words : 0;
    this.wave = LANE.speech - this.words;
    const ratio = strip.canvas.width / Math.max(1, this.width);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, this.width, strip.height);
    pen.font = FONT;
    pen.textBaseline = "middle";
    this.drawAxis();
    this.drawLane("caller");
    this.drawLane("agent");
    this.drawTools();
    this.signs.draw();
  }

  x(ms) {
    return this.strip.xAt(ms) - this.left;
  }

  seen(from, to) {
    return this.x(to) >= -4 && this.x(from) <= this.width + 4;
  }

  box(colour, x, y, width, height, corner) {
    this.pen.fillStyle = this.colours[colour];
    this.pen.beginPath();
    this.pen.roundRect(x, y, width, height, Math.min(corner, width / 2));
    this.pen.fill();
  }

  line(x, y, toX, toY) {
    this.pen.beginPath();
    this.pen.moveTo(x, y);
    this.pen.lineTo(toX, toY);
    this.pen.stroke();
  }

  write(text, x, y, colour = "soft") {
    this.pen.fillStyle = this.colours[colour];
    this.pen.fillText(text, x, y);
  }

  sizeOf(text) {
    return this.pen.measureText(text).width;
  }

  drawAxis() {
    const { strip, pen } = this;
    const leastS = TICK_PX / strip.pxPerMs / 1000;
    const step = TICKS_S.find((each) => each >= leastS) ?? Math.ceil(leastS / 3600) * 3600;
    const first = Math.floor(strip.msAt(this.left) / 1000 / step);
    const last = Math.floor(strip.msAt(this.left + this.width) / 1000 / step);
    pen.strokeStyle = this.colours.line;
    for (let tick = first; tick <= last; tick += 1) {
      const x = Math.round(this.x(tick * step * 1000)) + 0.5;
      this.line(x, LANE.axis - 5, x, strip.height - LANE.foot);
      const label = clock(tick * step * 1000, step < 1);
      if (x + this.sizeOf(label) + 4 <= this.width) this.write(label, x + 5, 11);
    }
  }

  drawLane(who) {
    const top = this.strip.lanes[who];
    const turns = this.call.turns_said.filter(
      (turn) => turn.who === who && turn.begin !== null && this.seen(turn.begin, turn.ghost ?? turn.end),
    );
    const wave = this.call.peaks[who] ? this.wave : LANE.speech;
    const middle = Math.round(top + wave / 2) + 0.5;
    this.pen.strokeStyle = this.colours.line;
    this.line(0, middle, this.width, middle);
    for (const turn of turns) if (turn.unheard_ms) this.drawGhost(turn, top);
    for (const turn of turns) this.drawTurn(turn, top);
    if (this.call.peaks[who]) this.drawWave(who, top);
  }

  drawTurn(turn, top) {
    const x = this.x(turn.begin);
    const width = Math.max(2, this.x(turn.end) - x);
    this.box(`${turn.who}-tint`, x, top, width, LANE.speech, 6);
    if (!this.call.peaks[turn.who]) {
      this.box(turn.who, x, top, Math.min(3, width), LANE.speech, 1);
      this.drawWords(turn, x + 3, width - 3, top + LANE.speech / 2);
    } else if (this.words) {
      this.drawWords(turn, x, width, top + this.wave + this.words / 2 - 2);
    }
  }

  // As much of what was said as there is room for under its sound.
  drawWords(turn, x, width, y) {
    const from = Math.max(x, 0) + 6;
    const room = Math.min(x + width, this.width) - from - 4;
    const words = this.fitting(turn.row.heard_text ?? turn.row.text, room);
    if (words) this.write(words, from, y, turn.who);
  }

  fitting(text, room) {
    if (room < 40) return "";
    const line = excerpt(text, 200);
    const size = this.sizeOf(line);
    if (size <= room) return line;
    for (let letters = Math.floor((line.length * room) / size); letters > 7; letters -= 1) {
      const begun = `${line.slice(0, letters).trimEnd()}…`;
      if (this.sizeOf(begun) <= room) return begun;
    }
    return "";
  }

  // Hatched: it was made, and nobody heard it.
  drawGhost(turn, top) {
    const { pen } = this;
    const x = this.x(turn.end);
    const width = this.x(turn.ghost) - x;
    if (width < 1) return;
    pen.save();
    pen.beginPath();
    pen.roundRect(x, top, width, LANE.speech, [0, 6, 6, 0]);
    pen.clip();
    pen.strokeStyle = this.colours.agent;
    pen.globalAlpha = 0.34;
    const first = Math.max(x - LANE.speech, -LANE.speech);
    for (let at = first - ((first - x) % 7); at < Math.min(x + width, this.width); at += 7) {
      this.line(at, top + LANE.speech, at + LANE.speech, top);
    }
    pen.restore();
    this.nameGhost(x, width, top + LANE.speech - 12);
  }

  nameGhost(x, width, y) {
    const label = "not heard";
    const size = this.sizeOf(label);
    const from = Math.max(x, 0) + 8;
    if (from + size + 8 > Math.min(x + width, this.width)) return;
    this.box("card", from - 4, y - 8, size + 8, 16, 4);
    this.write(label, from, y);
  }

  drawWave(who, top) {
    const { strip, call, pen } = this;
    const middle = top + this.wave / 2;
    const most = this.wave / 2 - 4;
    const columnsPerPx = 1 / strip.pxPerMs / call.sound.step_ms;
    pen.fillStyle = this.colours[who];
    // Bars stand at fixed places of the whole drawing: they do not shimmer while it is moved.
    const first = Math.floor(this.left / BAR.step) * BAR.step;
    for (let bar = first; bar < this.left + this.width; bar += BAR.step) {
      const from = (bar - EDGE) * columnsPerPx - call.offset / call.sound.step_ms;
      const level = loudness(call.peaks[who], from, from + BAR.step * columnsPerPx) / this.loudest[who];
      const half = Math.min(1, level) ** 0.8 * most;
      if (half >= 0.6) pen.fillRect(bar - this.left, middle - half, BAR.width, half * 2);
    }
  }

  drawTools() {
    for (const tool of this.call.tools) {
      const x = this.x(tool.begin);
      const width = Math.max(4, this.x(tool.end) - x);
      if (x > this.width || x + width < -300) continue;
      const top = this.strip.lanes.tools + tool.level * LANE.tool;
      this.box("tool", x, top + 3, width, LANE.tool - 8, 2);
      this.nameTool(tool, x + width + 5, top + LANE.tool / 2 - 1);
    }
  }

  // Beside the bar, as much as there is room for before the next one.
  nameTool(tool, x, y) {
    const next = this.call.tools.find((other) => other.level === tool.level && other.begin > tool.begin);
    const room = Math.min(this.width, next ? this.x(next.begin) - 6 : Infinity) - x;
    const name = excerpt(tool.row.tool ?? "tool", 40);
    const label = [`${name}  ${lasting(tool.row.duration_ms)}`, name].find((each) => this.sizeOf(each) <= room);
    if (label) this.write(label, x, y);
  }
}
