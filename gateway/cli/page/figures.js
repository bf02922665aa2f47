// Figures: where the time of each answer went, what was used and what it cost.

const STAGES = [
  ["endpoint_ms", "end of turn noticed", "endpoint"],
  ["model_ms", "model", "model"],
  ["gateway_ms", "gateway", "gateway"],
  ["play_ms", "playout", "playout"],
];
const KINDS = table({ greeting: "greeting", follow_up: "after a tool", reply: "" });
const USES = table({ response: "answer", transcription: "transcription" });

function showLatency(call, seek) {
  const turns = call.turns_said.filter((turn) => STAGES.some(([column]) => known(turn.row[column])));
  byId("latency-card").hidden = !turns.length;
  if (!turns.length) return;
  const totals = turns.map((turn) => STAGES.reduce((sum, [column]) => sum + (turn.row[column] ?? 0), 0));
  const scale = Math.max(1, totals.reduce((a, b) => Math.max(a, b), 0));
  const worst = turns.reduce((a, b) => ((b.row.response_ms ?? -1) > (a?.row.response_ms ?? -1) ? b : a), null);
  const rows = turns.map((turn) => latencyRow(turn, scale, turn === worst, seek));
  const heads = ["Turn", "Where the time went", "Gateway’s own", "Caller waited"];
  const table = el("table", { class: "latency" },
    el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, ...rows),
  );
  const scroller = el("div", { class: "scroller", tabindex: "0", role: "region", "aria-labelledby": "latency-title" }, table);
  byId("latency").replaceChildren(...[gatewayShare(turns), slowest(worst, seek), stageLegend(), scroller].filter(known));
}

function latencyRow(turn, scale, worst, seek) {
  const bar = el("div", { class: "bar", "aria-hidden": "true" });
  const told = [];
  for (const [column, name, tone] of STAGES) {
    const ms = turn.row[column];
    if (!known(ms)) continue;
    const part = el("span", { class: tone, title: `${name} ${lasting(ms)}` });
    part.style.width = `${(Math.max(0, ms) / scale) * 100}%`;
    bar.append(part);
    told.push(`${name} ${lasting(ms)}`);
  }
  const kind = KINDS[turn.row.kind] ?? worded(turn.row.kind);
  const waited = known(turn.row.response_ms) ? lasting(turn.row.response_ms) : "";
  return el("tr", { class: worst ? "worst" : null },
    el("th", { scope: "row" }, timeButton(turn.begin, seek)),
    el("td", { class: "bars" }, bar, hidden(told.join(", "))),
    el("td", { class: "num" }, known(turn.row.gateway_ms) ? lasting(turn.row.gateway_ms) : el("span", { class: "none" }, "queued")),
    el("td", { class: "num" }, worst ? el("span", { class: "tag" }, "slowest") : "", worst ? " " : "", waited || el("span", { class: "none" }, kind || NONE)),
  );
}

function gatewayShare(turns) {
  const shares = turns.map((turn) => turn.row.gateway_ms).filter(known).sort((a, b) => a - b);
  if (!shares.length) return "";
  const median = shares[Math.floor((shares.length - 1) / 2)];
  return el("p", { class: "share" },
    "The gateway’s own share is too small to see in the bars: ",
    el("b", {}, lasting(median)), " per answer (median), ",
    el("b", {}, lasting(shares[shares.length - 1])), " at most.");
}

function slowest(turn, seek) {
  if (turn === null) return "";
  return el("p", { class: "share" }, "The caller waited longest, ", el("b", {}, lasting(turn.row.response_ms)), ", at ", timeButton(turn.begin, seek), ".");
}

function stageLegend() {
  const items = STAGES.map(([, name, tone]) => el("li", {}, el("span", { class: `swatch ${tone}`, "aria-hidden": "true" }), name));
  return el("ul", { class: "legend" }, ...items);
}

const TOKENS = [
  ["text_in", "text in"],
  ["text_cached", "text cached"],
  ["audio_in", "audio in"],
  ["audio_cached", "audio cached"],
  ["image_in", "image in"],
  ["image_cached", "image cached"],
  ["text_out", "text out"],
  ["audio_out", "audio out"],
];

// One line per model and what it was used for.
function usageGroups() {
  const groups = new Map();
  for (const row of rowsOf("usage")) {
    const key = JSON.stringify([row.source, row.model]);
    const group = groups.get(key) ?? { source: row.source, model: row.model, rows: 0, billed_s: 0, cost_usd: null, unpriced: false };
    group.rows += 1;
    group.billed_s += row.billed_s ?? 0;
    for (const [column] of TOKENS) group[column] = (group[column] ?? 0) + (row[column] ?? 0);
    if (known(row.cost_usd)) group.cost_usd = (group.cost_usd ?? 0) + row.cost_usd;
    else group.unpriced = true;
    groups.set(key, group);
  }
  return [...groups.values()];
}

function showUsage(call) {
  const groups = usageGroups();
  const priced = known(call.cost_usd) || known(call.model_usd) || known(call.carrier_usd);
  byId("usage-card").hidden = !groups.length && !priced;
  const rows = groups.map(usageRow);
  if (known(call.model_usd) && groups.length > 1) rows.push(sumRow("Model", "", usd(call.model_usd)));
  if (known(call.carrier_usd)) rows.push(sumRow("Carrier", call.duration_ms ? lasting(call.duration_ms) : "", usd(call.carrier_usd)));
  if (priced) rows.push(sumRow("Together", call.unpriced ? "at least: something has no known price" : "", cost(call), "total"));
  byId("usage").replaceChildren(
    el("table", { class: "usage" },
      el("thead", {}, el("tr", {}, ...["For", "Used", "Cost"].map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, ...rows)),
  );
}

function usageRow(group) {
  const used = TOKENS.filter(([column]) => group[column]).map(([column, name]) =>
    el("li", {}, el("b", {}, group[column].toLocaleString("en")), ` ${name}`));
  if (group.billed_s) used.push(el("li", {}, el("b", {}, lasting(group.billed_s * 1000)), " of audio"));
  const what = USES[group.source] ?? "use";
  const price = known(group.cost_usd) ? `${group.unpriced ? "≥ " : ""}${usd(group.cost_usd)}` : "no known price";
  return el("tr", {},
    el("th", { scope: "row" }, group.model ?? "unknown model", el("span", { class: "detail" }, counted(group.rows, what))),
    el("td", {}, el("ul", { class: "tokens" }, ...used)),
    el("td", { class: "num" }, price));
}

function sumRow(name, detail, price, tone = null) {
  return el("tr", { class: tone }, el("th", { scope: "row" }, name), el("td", { class: "detail" }, detail), el("td", { class: "num" }, price));
}

// Built when it is opened: a long call has thousands.
function showEvents(seek) {
  const events = rowsOf("events");
  byId("events-card").hidden = !events.length;
  byId("events-summary").textContent = counted(events.length, "event");
  byId("events").addEventListener("toggle", () => {
    if (byId("events-rows").firstChild) return;
    const rows = events.map((event) => el("tr", {},
      el("td", {}, timeButton(momentOf(event), seek)),
      el("th", { scope: "row" }, event.name ?? ""),
      el("td", { class: "fields" }, fieldsOf(event.fields))));
    byId("events-rows").append(el("div", { class: "scroller", tabindex: "0", role: "region", "aria-labelledby": "events-title" },
      el("table", { class: "events" }, el("tbody", {}, ...rows))));
  });
}

function fieldsOf(fields) {
  const told = Object.entries(fields && typeof fields === "object" ? fields : {}).filter(([name, value]) => known(value) && name !== "at_ms");
  return told.map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : shownNumber(value)}`).join(" · ");
}

function shownNumber(value) {
  return typeof value === "number" ? Number(value.toFixed(4)) : value;
}
