// Small charts: time runs to the right, one thing each, in the page's colours.

import uPlot from "../../vendor/uplot/uPlot.esm.js";
import { el } from "../../call/dom.js";

// Variables hold `light-dark(…)`, which a canvas does not know: an element resolves them.
function resolved(name) {
  const probe = el("span");
  document.body.append(probe);
  probe.style.color = `var(--${name})`;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** One chart. */
export class Chart {
  /**
   * @param {string} title
   * @param {Array<{label: string, tone: string, bars?: boolean}>} series
   * @param {{value: (n: number) => string, height?: number, days?: boolean}} options
   */
  constructor(title, series, { value, height = 130, days = false }) {
    this.options = { title, series, value, height, days };
    this.place = el("div", { class: "chart-place" });
    this.place.style.minHeight = `${height}px`;
    this.now = el("span", { class: "chart-now" });
    this.root = el("figure", { class: "card chart" }, el("figcaption", {}, el("span", {}, title), this.now), this.place);
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.place);
    this.data = [[]];
  }

  /** @param {Array<Array<number|null>>} data moments (s since 1970), then one list per series */
  show(data, now = "") {
    this.data = data;
    if (this.now.textContent !== now) this.now.textContent = now;
    if (this.plot) this.plot.setData(data);
    else this.draw();
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
    const { series, value, height, days } = this.options;
    const [soft, line] = [resolved("soft"), resolved("line")];
    const axis = { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "11px ui-sans-serif, system-ui, sans-serif" };
    const drawn = series.map(({ label, tone, bars }) => ({
      label,
      stroke: resolved(tone),
      width: 1.6,
      fill: bars ? resolved(tone) : undefined,
      paths: bars ? uPlot.paths.bars({ size: [0.72, 26], radius: 0.15 }) : undefined,
      points: { show: days && !bars, size: 5 },
      value: (_, number) => (number === null ? "–" : value(number)),
    }));
    this.plot = new uPlot({
      width: this.width,
      height,
      padding: [10, 8, 0, 0],
      cursor: { y: false, drag: { x: false, y: false } },
      legend: { show: true, live: true, markers: { width: 0 } },
      scales: { x: { time: true }, y: { range: (_, __, most) => [0, (most || 1) * 1.1] } },
      axes: [{ ...axis, space: 60, size: 26, values: days ? "{D} {MMM}" : "{HH}:{mm}" }, { ...axis, size: 56, space: 32, values: (_, ticks) => ticks.map(value) }],
      series: [{ value: days ? "{YYYY}-{MM}-{DD}" : "{HH}:{mm}:{ss}" }, ...drawn],
    }, this.data, this.place);
  }

  dispose() {
    this.watcher.disconnect();
    this.plot?.destroy();
    this.plot = null;
  }
}
