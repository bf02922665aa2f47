// The top of the page: who called whom, how it ended, and the figures of the call.

import { el, hidden } from "./dom.js";
import { capital, clock, counted, known, lasting, moment, table, usd, worded } from "./words.js";

/**
 * Shows the top of the page.
 * @param {object} call the model of `model.js`
 * @param {object} parts elements of the frame
 * @param {string=} zone the time zone moments are told in; the viewer's when left out
 */
export function showHead(call, parts, zone) {
  const caller = call.caller || "Unknown caller";
  const called = call.called || "unknown number";
  document.title = `Call ${caller} → ${called}`;
  parts.title.replaceChildren(
    el("span", { class: "number" }, caller),
    el("span", { class: "arrow", "aria-hidden": "true" }, "→"),
    hidden(" called "),
    el("span", { class: "number" }, called),
  );
  const began = call.answered_at ?? call.offered_at;
  parts.over.replaceChildren(outcome(call), began ? el("time", { datetime: began, title: localTime(began) }, moment(began, zone)) : "");
  parts.under.replaceChildren(...joined(descriptions(call)));
  parts.foot.textContent = `Call ${call.call_sid ?? ""}`;
}

const TONES = table({ completed: "good", transferred: "good", failed: "bad", missed: "bad" });

function localTime(iso) {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? "" : `${at.toLocaleString()} here`;
}

/** How a call ended, or that it goes on. */
export function outcome(call) {
  const over = known(call.outcome) || call.state === "ended";
  const tone = TONES[call.outcome];
  const words = over ? worded(call.outcome ?? "ended") : `${worded(call.state) || "unfinished"} – still going on`;
  return el("span", { class: `badge ${tone ?? "open"}` }, capital(words));
}

function descriptions(call) {
  const parts = [];
  if (known(call.reason)) parts.push(capital(worded(call.reason)));
  if (known(call.agent)) parts.push(`agent ${call.agent}`);
  if (known(call.direction)) parts.push(worded(call.direction));
  if (known(call.route)) parts.push(`route ${call.route}`);
  if (known(call.campaign)) parts.push(`campaign ${call.campaign}`);
  if (call.segments > 1) parts.push(`${call.segments} streams`);
  if (known(call.stir)) parts.push(worded(call.stir));
  return parts;
}

function joined(parts) {
  return parts.flatMap((part, at) => (at ? [el("span", { class: "sep", "aria-hidden": "true" }, " · "), part] : [part]));
}

function fact(name, value, ...details) {
  const said = details.filter(known);
  return el(
    "div",
    { class: "fact" },
    el("dt", {}, name),
    el("dd", {}, el("span", { class: "value" }, value), ...said.map((each) => el("span", { class: "detail" }, each))),
  );
}

/** The figures of a call. */
export function showFacts(call, parts) {
  const spoken = known(call.heard_ms) ? `agent heard for ${lasting(call.heard_ms)}` : "";
  const turns = call.turns ?? call.turns_said.length;
  const cuts = call.interruptions ?? call.turns_said.filter((turn) => turn.cut).length;
  const facts = [
    fact("Length", call.live ? clock(call.duration_ms) : lasting(call.duration_ms), spoken),
    fact("Turns", `${turns}`, counted(cuts, "interruption")),
    fact("Caller waited", lasting(call.response_p50_ms), waits(call)),
    fact("Cost", cost(call), costParts(call)),
    fact("Recording", ...recordingFact(call)),
  ];
  parts.facts.replaceChildren(...facts);
}

function waits(call) {
  if (!known(call.response_p50_ms)) return "";
  return `p95 ${lasting(call.response_p95_ms)} · worst ${lasting(call.response_worst_ms)}`;
}

/** What a call cost, as far as prices are known. */
export function cost(call) {
  const unknown = !known(call.cost_usd);
  return call.unpriced ? (unknown ? "not known" : `≥ ${usd(call.cost_usd)}`) : usd(call.cost_usd);
}

function costParts(call) {
  const parts = [];
  if (known(call.model_usd)) parts.push(`model ${usd(call.model_usd)}`);
  if (known(call.carrier_usd)) parts.push(`carrier ${usd(call.carrier_usd)}`);
  if (call.unpriced) parts.push("something has no known price");
  return parts.join(" · ");
}

function recordingFact(call) {
  if (call.live) return [call.recording ? "On" : "Off"];
  const consent = known(call.consent) ? `consent ${call.consent}` : "";
  if (known(call.recording_purged_at)) return ["Deleted", consent];
  if (!known(call.recording) && call.sound.missing) return ["None", consent];
  const gap = known(call.recording_incomplete) ? `incomplete: ${worded(call.recording_incomplete)}` : "";
  return [lasting(call.recording_ms ?? call.recorded), consent, gap];
}
