// The drawing as a thing to use: where everything is, how far it is zoomed, what is pointed at.

import { el } from "./dom.js";
import { EDGE, LANE } from "./lanes.js";
import { Painter } from "./paint.js";
import { clock, excerpt, lasting } from "./words.js";

const MOST_PX_PER_S = 240;

/** The drawing of a call: shows it, and says when somebody wants to go somewhere. */
export class Strip {
  /**
   * @param {object} call the model of `model.js`
   * @param {object} parts elements of the frame
   * @param {(ms: number) => void} onSeek
   */
  constructor(call, parts, onSeek) {
    this.onSeek = onSeek;
    this.root = parts.strip;
    this.span = parts.span;
    this.canvas = parts.canvas;
    this.tip = parts.tip;
    this.hair = parts.hair;
    this.playhead = parts.playhead;
    this.names = parts["lane-names"];
    this.zoom = 1;
    this.ms = 0;
    this.queued = false;
    this.call = call;
    this.painter = new Painter(this);
    this.show(call);
    this.listen();
  }

  /** Another call, or more of it. */
  show(call) {
    this.call = call;
    const levels = call.tools.reduce((most, tool) => Math.max(most, tool.level + 1), 0);
    if (levels !== this.levels) this.layOut(levels);
    this.painter.show(call);
    this.resize();
  }

  // Where the lanes are, from top to bottom.
  layOut(levels) {
    this.levels = levels;
    const caller = LANE.axis + LANE.marks;
    const agent = caller + LANE.speech + LANE.gap;
    const tools = agent + LANE.speech + LANE.gap;
    this.lanes = { caller, agent, tools };
    this.height = tools + levels * LANE.tool + LANE.foot;
    this.span.style.height = `${this.height}px`;
    const names = [["caller", "Caller", caller + LANE.speech / 2 - 8], ["agent", "Agent", agent + LANE.speech / 2 - 8]];
    if (levels) names.push([null, "Tools", tools + 1]);
    this.names.replaceChildren(
      ...names.map(([tone, text, top]) => {
        const name = el("span", { class: tone }, text);
        name.style.top = `${top}px`;
        return name;
      }),
    );
  }

  listen() {
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.root);
    this.root.addEventListener("scroll", () => this.queue(), { passive: true });
    this.root.addEventListener("click", (event) => this.onSeek(this.msAt(this.xOf(event))));
    this.root.addEventListener("pointermove", (event) => this.hover(event));
    this.root.addEventListener("pointerleave", () => this.unhover());
    this.root.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  /** Nothing is drawn any more. */
  dispose() {
    this.watcher.disconnect();
    this.queued = true;
  }

  wheel(event) {
    if (!event.ctrlKey && !event.metaKey && !event.altKey) return;
    event.preventDefault();
    this.zoomBy(Math.exp(-event.deltaY / 250), this.xOf(event) - this.root.scrollLeft);
  }

  xOf(event) {
    return event.clientX - this.span.getBoundingClientRect().left;
  }

  msAt(x) {
    return Math.min(this.call.whole, Math.max(0, (x - EDGE) / this.pxPerMs));
  }

  // In the whole drawing.
  xAt(ms) {
    return EDGE + ms * this.pxPerMs;
  }

  get width() {
    return this.root.clientWidth;
  }

  get pxPerMs() {
    return Math.max(1, this.width * this.zoom - 2 * EDGE) / this.call.whole;
  }

  get mostZoom() {
    return Math.max(1, (MOST_PX_PER_S * this.call.whole) / 1000 / Math.max(1, this.width));
  }

  // `at` (px from the left edge) stays where it is.
  zoomBy(factor, at = this.width / 2) {
    const ms = (this.root.scrollLeft + at - EDGE) / this.pxPerMs;
    this.zoom = Math.min(this.mostZoom, Math.max(1, this.zoom * factor));
    this.stretch();
    this.root.scrollLeft = this.xAt(ms) - at;
  }

  fit() {
    this.zoom = 1;
    this.stretch();
  }

  stretch() {
    this.span.style.width = `${Math.max(this.width, Math.floor(this.width * this.zoom))}px`;
    this.place(this.ms);
    this.queue();
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.max(1, Math.round(this.width * ratio));
    this.canvas.height = Math.round(this.height * ratio);
    this.canvas.style.width = `${this.width}px`;
    this.canvas.style.height = `${this.height}px`;
    this.zoom = Math.min(this.zoom, this.mostZoom);
    this.stretch();
  }

  place(ms) {
    this.ms = ms;
    this.playhead.style.transform = `translateX(${this.xAt(ms || 0)}px)`;
  }

  // Turns the page when what is heard runs out of it.
  follow() {
    const x = this.xAt(this.ms) - this.root.scrollLeft;
    if (x < 0 || x > this.width * 0.92) this.root.scrollLeft = this.xAt(this.ms) - this.width * 0.15;
  }

  reveal() {
    const x = this.xAt(this.ms) - this.root.scrollLeft;
    if (x < 0 || x > this.width) this.root.scrollLeft = this.xAt(this.ms) - this.width / 3;
  }

  repaint() {
    this.painter.recolour();
    this.painter.draw();
  }

  queue() {
    if (this.queued) return;
    this.queued = true;
    requestAnimationFrame(() => {
      this.queued = false;
      this.painter.draw();
    });
  }

  // What is under the pointer

  hover(event) {
    const x = this.xOf(event);
    const y = event.clientY - this.span.getBoundingClientRect().top;
    const ms = this.msAt(x);
    this.hair.hidden = false;
    this.hair.style.transform = `translateX(${x}px)`;
    const found = this.under(x, y, ms);
    this.tip.replaceChildren(
      el("b", {}, clock(ms, true)),
      ...(found ? [" ", el("span", {}, found)] : []),
    );
    this.tip.hidden = false;
    const box = this.tip.parentElement.getBoundingClientRect();
    const left = Math.min(event.clientX - box.left + 14, box.width - this.tip.offsetWidth - 4);
    this.tip.style.transform = `translate(${Math.max(4, left)}px, ${event.clientY - box.top + 18}px)`;
  }

  unhover() {
    this.tip.hidden = true;
    this.hair.hidden = true;
  }

  under(x, y, ms) {
    const near = (at) => Math.abs(this.xAt(at) - x) < 7;
    if (y < this.lanes.caller) {
      const cut = this.call.turns_said.find((turn) => turn.cut && near(turn.end ?? turn.at));
      const mark = this.call.marks.find((each) => each.drawn && near(each.at));
      return cut ? "the agent was interrupted" : mark?.text;
    }
    if (y >= this.lanes.tools) {
      const tool = this.call.tools.find((each) => near(each.begin) || (ms >= each.begin && ms <= each.end));
      return tool && `${tool.row.tool} ${lasting(tool.row.duration_ms)}`;
    }
    const who = y < this.lanes.agent ? "caller" : "agent";
    const said = this.call.turns_said.filter((turn) => turn.who === who && turn.begin !== null);
    const heard = said.find((turn) => ms >= turn.begin && ms <= turn.end);
    if (heard) return excerpt(heard.row.text) || `${who} speaks`;
    const ghost = said.find((turn) => turn.unheard_ms && ms > turn.end && ms <= turn.ghost);
    return ghost && `not heard: ${excerpt(ghost.row.unheard_text) || lasting(ghost.unheard_ms)}`;
  }
}
