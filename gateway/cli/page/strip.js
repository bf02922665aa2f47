// The drawing as a thing to use: where everything is, how far it is zoomed, what is pointed at.

const LANE = { axis: 24, marks: 26, speech: 78, words: 16, gap: 7, tool: 20, foot: 6 };
const EDGE = 8;
const MOST_PX_PER_S = 240;

class Strip {
  constructor(call, onSeek) {
    this.call = call;
    this.onSeek = onSeek;
    this.root = byId("strip");
    this.span = byId("span");
    this.canvas = byId("canvas");
    this.tip = byId("tip");
    this.hair = byId("hair");
    this.playhead = byId("playhead");
    this.zoom = 1;
    this.queued = false;
    this.levels = call.tools.reduce((most, tool) => Math.max(most, tool.level + 1), 0);
    this.layOut();
    this.painter = new Painter(this);
    this.listen();
    this.place(0);
    this.resize();
  }

  // Where the lanes are, from top to bottom.
  layOut() {
    const caller = LANE.axis + LANE.marks;
    const agent = caller + LANE.speech + LANE.gap;
    const tools = agent + LANE.speech + LANE.gap;
    this.lanes = { caller, agent, tools };
    this.height = tools + this.levels * LANE.tool + LANE.foot;
    this.span.style.height = `${this.height}px`;
    const names = byId("lane-names");
    for (const [who, top] of [["caller", caller], ["agent", agent]]) {
      const name = el("span", { class: who }, capital(who));
      name.style.top = `${top + LANE.speech / 2 - 8}px`;
      names.append(name);
    }
    if (this.levels) {
      const name = el("span", {}, "Tools");
      name.style.top = `${tools + 1}px`;
      names.append(name);
    }
  }

  listen() {
    new ResizeObserver(() => this.resize()).observe(this.root);
    this.root.addEventListener("scroll", () => this.queue(), { passive: true });
    this.root.addEventListener("click", (event) => this.onSeek(this.msAt(this.xOf(event))));
    this.root.addEventListener("pointermove", (event) => this.hover(event));
    this.root.addEventListener("pointerleave", () => this.unhover());
    this.root.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
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
