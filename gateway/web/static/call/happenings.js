// Everything that happened, as it was recorded.

import { el } from "./dom.js";
import { momentOf } from "./marks.js";
import { timeButton } from "./timebutton.js";
import { counted, known } from "./words.js";

/** A list that is built when it is opened: a long call has thousands. */
export class Happenings {
  constructor(parts, seek) {
    this.parts = parts;
    this.seek = seek;
    parts.events.addEventListener("toggle", () => this.fill());
  }

  /** The events of this call from now on. */
  show(call) {
    this.call = call;
    const { events } = call.rows;
    this.parts["events-card"].hidden = !events.length || call.live;
    this.parts["events-summary"].textContent = counted(events.length, "event");
    this.parts["events-rows"].replaceChildren();
    if (this.parts.events.open) this.fill();
  }

  fill() {
    if (this.parts["events-rows"].firstChild) return;
    const rows = this.call.rows.events.map((event) => el("tr", {},
      el("td", {}, timeButton(momentOf(event, this.call), this.seek)),
      el("th", { scope: "row" }, event.name ?? ""),
      el("td", { class: "fields" }, fieldsOf(event.fields))));
    this.parts["events-rows"].append(el("div", { class: "scroller", tabindex: "0", role: "region", "aria-labelledby": "events-title" },
      el("table", { class: "events" }, el("tbody", {}, ...rows))));
  }
}

function fieldsOf(fields) {
  const told = Object.entries(fields && typeof fields === "object" ? fields : {}).filter(([name, value]) => known(value) && name !== "at_ms");
  return told.map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : shownNumber(value)}`).join(" · ");
}

function shownNumber(value) {
  return typeof value === "number" ? Number(value.toFixed(4)) : value;
}
