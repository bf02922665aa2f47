// Small charts: time runs to the right, one thing each, in the page's colours.

import uPlot from "../../vendor/uplot/uPlot.esm.js";
import { el } from "../../call/dom.js";
import { NONE, known } from "../../call/words.js";
import { DAYS, lastMinutes, wholeDays } from "../stats.js";

// Variables hold `light-dark(…)`, which a canvas does not know: an element resolves them.
function resolved(name) {
  const probe = el("span");
  document.body.append(probe);
  probe.style.color = `var(--${name})`;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

// Not from what uPlot takes for the first and the last: of a single moment it makes a thousand days.
const range = (span) => (plot) => span(plot.data[0]) ?? [null, null];

function shortTimes(plot, ticks) {
  const { min, max } = plot.scales.x;
  const options = { hour: "2-digit", minute: "2-digit", ...(max - min < 300 ? { second: "2-digit" } : {}) };
  return ticks.map((tick) => new Date(tick * 1000).toLocaleTimeString("en-GB", options));
}

/** One chart. */
export class Chart {
  /**
   * @param {string} title
   * @param {Array<{label: string, tone: string, bars?: boolean}>} series
   * @param {{value: (n: number) => string, height?: number, days?: boolean, whole?: boolean}} options
   *   `days`: one point per day; `whole`: values are counts
   */
  constructor(title, series, { value, height = 130, days = false, whole = false }) {
    this.options = { title, series, value, height, days, whole };
    this.place = el("div", { class: "chart-place" });
    this.place.style.minHeight = `${height}px`;
    this.now = el("span", { class: "chart-now" });
    const keys = series.length > 1 ? series.map(({ label, tone }) => el("span", { class: "key" }, el("i", { class: `swatch ${tone}` }), label)) : [];
    this.root = el("figure", { class: "card chart" }, el("figcaption", {}, el("span", {}, title), ...keys, this.now), this.place);
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.place);
    this.data = [[]];
  }

  /** @param {Array<Array<number|null>>} data moments (s since 1970), then one list per series */
  show(data, now = "") {
    this.data = data;
    this.usual = now;
    this.tell();
    if (this.plot) this.plot.setData(data);
    else this.draw();
  }

  // What is under the pointer, else what holds for all of it.
  tell() {
    const at = this.plot?.cursor.idx;
    const text = known(at) ? this.said(at) : this.usual;
    if (this.now.textContent !== text) this.now.textContent = text;
  }

  said(at) {
    const { series, value, days } = this.options;
    const [moment, ...values] = this.data.map((column) => column[at]);
    if (!known(moment)) return this.usual;
    const when = new Date(moment * 1000).toLocaleString("en-GB", days ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit", second: "2-digit" });
    const told = series.map((_, place) => (known(values[place]) ? value(values[place]) : NONE));
    return `${when}: ${told.join(" / ")}`;
  }

  resize() {
    const width = Math.floor(this.place.clientWidth);
    if (!width || width === this.width) return;
    this.width = width;
    if (this.plot) this.plot.setSize({ width, height: this.options.height });
    else this.draw();
  }

  /** The colours of the page have changed. */
  repaint() {
    this.plot?.destroy();
    this.plot = null;
    this.draw();
  }

  draw() {
    if (!this.width || this.plot) return;
    const { series, value, height, days, whole } = this.options;
    const [soft, line] = [resolved("soft"), resolved("line")];
    const axis = { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "11px ui-sans-serif, system-ui, sans-serif" };
    const drawn = series.map(({ tone, bars }) => ({
      stroke: resolved(tone),
      width: 1.6,
      fill: bars ? resolved(tone) : undefined,
      paths: bars ? uPlot.paths.bars({ size: [0.72, 26], radius: 0.15 }) : undefined,
      points: { show: days ? !bars : (plot) => plot.data[0].length < 2, size: 5 },
    }));
    this.plot = new uPlot({
      width: this.width,
      height,
      padding: [10, 26, 0, 0],
      cursor: { y: false, drag: { x: false, y: false } },
      legend: { show: false },
      hooks: { setCursor: [() => this.tell()] },
      scales: { x: { time: true, range: range(days ? wholeDays : lastMinutes) }, y: { range: (_, __, most) => [0, (most || 1) * 1.1] } },
      axes: [{ ...axis, space: 66, size: 26, ...(days ? { incrs: DAYS } : {}), values: days ? "{D} {MMM}" : shortTimes }, { ...axis, size: 58, space: 32, ...(whole ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000] } : {}), values: (_, ticks) => ticks.map((tick) => (tick ? value(tick) : "0")) }],
      series: [{}, ...drawn],
    }, this.data, this.place);
  }

  dispose() {
    this.watcher.disconnect();
    this.plot?.destroy();
    this.plot = null;
  }
}
