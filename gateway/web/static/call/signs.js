// The upper edge of the drawing: interruptions, handoffs, guardrails and what else happened.

import { LANE } from "./lanes.js";
import { excerpt, known } from "./words.js";

/** Draws the marks of a call for a painter. */
export class Signs {
  constructor(painter) {
    this.painter = painter;
  }

  /** The marks of this call from now on. */
  show(call) {
    this.call = call;
    this.cuts = call.turns_said.filter((turn) => turn.cut).map((turn) => this.asCut(turn));
  }

  // A guardrail that cuts the agent off has a symbol of its own.
  asCut(turn) {
    const at = turn.end ?? turn.at;
    const guarded = this.call.marks.some((mark) => mark.kind === "guardrail" && Math.abs(mark.at - at) < 400);
    return { kind: "cut", at, label: "interrupted", plain: guarded };
  }

  draw() {
    const marks = [...this.cuts, ...this.call.marks.filter((mark) => mark.drawn)].filter((mark) => this.painter.seen(mark.at, mark.at));
    // Where there are many, lines down to the words would hide the call behind them.
    this.crowded = marks.length > this.painter.width / 45;
    const taken = marks.map((mark) => [this.painter.x(mark.at) - 8, this.painter.x(mark.at) + 9]);
    for (const mark of marks) this.drawOne(mark, taken);
  }

  drawOne(mark, taken) {
    const { pen } = this.painter;
    const cut = mark.kind === "cut";
    const tone = { cut: "cut", guardrail: "guard" }[mark.kind] ?? "mark";
    const x = Math.round(this.painter.x(mark.at)) + 0.5;
    const y = LANE.axis + 9;
    pen.save();
    pen.strokeStyle = pen.fillStyle = this.painter.colours[tone];
    pen.lineWidth = cut ? 2 : 1;
    pen.globalAlpha = cut ? 1 : 0.55;
    pen.setLineDash(cut ? [] : [2, 3]);
    if (!this.crowded) this.painter.line(x, y + 4, x, this.painter.strip.lanes.tools - LANE.gap);
    pen.globalAlpha = 1;
    if (!mark.plain) drawSymbol(pen, mark.kind, x, y);
    pen.restore();
    if (!mark.plain) this.nameOne(mark, x + 11, y + 0.5, tone === "mark" ? "soft" : tone, taken);
  }

  nameOne(mark, x, y, tone, taken) {
    const behind = taken.filter(([, until]) => until > x).map(([from]) => from);
    const room = behind.reduce((least, from) => Math.min(least, from), this.painter.width) - x - 4;
    const label = [excerpt(mark.label, 32), mark.short].find((each) => known(each) && this.painter.sizeOf(each) <= room);
    if (!label) return;
    taken.push([x, x + this.painter.sizeOf(label)]);
    this.painter.write(label, x, y, tone);
  }
}

function drawSymbol(pen, kind, x, y) {
  pen.beginPath();
  if (kind === "cut") {
    pen.moveTo(x - 6, y - 6);
    pen.lineTo(x + 6, y - 6);
    pen.lineTo(x, y + 5);
  } else if (kind === "handoff") {
    pen.rect(x - 0.5, y - 7, 1.5, 14);
    pen.moveTo(x, y - 7);
    pen.lineTo(x + 8, y - 3.5);
    pen.lineTo(x, y);
  } else if (kind === "guardrail") {
    pen.moveTo(x, y - 7);
    pen.lineTo(x + 6, y);
    pen.lineTo(x, y + 7);
    pen.lineTo(x - 6, y);
  } else if (kind === "dtmf") {
    for (const dx of [-4.5, 0, 4.5]) for (const dy of [-4, 0.5]) pen.rect(x + dx - 1.5, y + dy - 1, 3, 3);
  } else {
    pen.arc(x, y, 3.5, 0, 2 * Math.PI);
  }
  pen.fill();
}
