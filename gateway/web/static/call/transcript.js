// What was said and done, in the order it happened.

import { el, icon } from "./dom.js";
import { timeButton } from "./timebutton.js";
import { capital, day, known, lasting, pretty, table, worded } from "./words.js";

const CAUSES = table({
  caller: "the caller spoke",
  guardrail: "a guardrail stopped it",
  operator: "a person stopped it",
  dtmf: "the caller pressed keys",
  tool: "a tool stopped it",
});

/** The lines of a call. Shown again, only those that changed are made anew. */
export class Transcript {
  /**
   * @param {object} parts elements of the frame
   * @param {(ms: number) => void} seek
   */
  constructor(parts, seek) {
    this.parts = parts;
    this.seek = seek;
    this.lines = new Map();
  }

  /** The lines of this call from now on. */
  show(call) {
    const list = this.parts.transcript;
    const below = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
    const entries = [
      ...call.turns_said.map((turn) => ({ id: `t${turn.row.number}`, at: turn.at, order: 0, turn })),
      ...call.tools.map((tool) => ({ id: `o${tool.row.number}`, at: tool.begin, order: 2, tool })),
      ...call.marks.map((mark) => ({ id: mark.id, at: mark.at, order: 1, mark })),
    ].sort((a, b) => a.at - b.at || a.order - b.order);
    const before = this.lines;
    this.lines = new Map();
    for (const [at, entry] of entries.entries()) {
      const line = this.lineOf(entry, before, call);
      if (list.children[at] !== line) list.insertBefore(line, list.children[at] ?? null);
    }
    while (list.children.length > entries.length) list.lastChild.remove();
    this.parts["transcript-note"].textContent = transcriptNote(call, entries.length);
    if (call.live && below) list.scrollTop = list.scrollHeight;
  }

  // The line that is there already, unless it says something else by now.
  lineOf(entry, before, call) {
    const said = JSON.stringify([entry.turn?.row ?? entry.tool?.row ?? entry.mark.text, entry.at]);
    const id = this.lines.has(entry.id) ? `${entry.id}/${this.lines.size}` : entry.id;
    const there = before.get(id);
    const line = there?.said === said ? there.line : this.made(entry, call, there?.line);
    this.lines.set(id, { said, line });
    if (entry.turn) entry.turn.line = line;
    return line;
  }

  made(entry, call, old) {
    const { seek } = this;
    const line = entry.turn ? spokenLine(entry.turn, call, seek) : entry.tool ? toolLine(entry.tool, seek) : markLine(entry.mark, seek);
    line.addEventListener("click", (event) => {
      if (!event.target.closest("details, button, a") && !String(getSelection())) seek(entry.at);
    });
    if (old?.querySelector("details")?.open) line.querySelector("details").open = true;
    if (old) old.remove();
    return line;
  }
}

function transcriptNote(call, lines) {
  if (known(call.text_purged_at)) return `Words were deleted on ${day(call.text_purged_at)}.`;
  return lines ? "" : call.live ? "Nobody has said anything yet." : "Nobody said anything.";
}

function spokenLine(turn, call, seek) {
  const { row, who } = turn;
  const speaker = who === "agent" && known(row.agent) ? [capital(who), el("span", { class: "which" }, row.agent)] : [capital(who)];
  return el("li", { class: `line ${who}` },
    timeButton(turn.begin, seek),
    el("div", { class: "said" }, el("p", { class: "who" }, ...speaker), el("p", { class: "words", dir: "auto" }, ...wordsOf(turn, call))),
  );
}

// Heard words as they are; those nobody heard struck out and said to be so.
function wordsOf(turn, call) {
  const { row } = turn;
  const words = [];
  if (row.playing) return [row.heard_text ?? "", " ", el("span", { class: "pending" }, row.pending_text ?? "")];
  if (row.open && !known(row.text)) return [el("span", { class: "none speaking" }, "speaking")];
  const split = known(row.heard_text) || known(row.unheard_text);
  const heard = split ? row.heard_text : row.text;
  const allUnheard = turn.who === "agent" && !split && known(row.heard_ms) && row.heard_ms === 0 && row.audio_ms > 0;
  if (known(heard)) words.push(allUnheard ? struck(heard) : heard);
  if (turn.cut) words.push(" ", cutOf(turn), " ");
  if (known(row.unheard_text)) words.push(words.length ? " " : "", struck(row.unheard_text));
  else if (turn.unheard_ms && !allUnheard && !split) {
    words.push(" ", el("span", { class: "tag" }, `${lasting(turn.unheard_ms)} not heard`));
  }
  return words.length ? words : [el("span", { class: "none" }, known(call.text_purged_at) ? "words deleted" : "no transcript")];
}

function struck(text) {
  return el("span", { class: "unheard" }, el("span", { class: "tag" }, "not heard"), " ", el("s", {}, text));
}

function cutOf(turn) {
  const why = CAUSES[turn.row.cause] ?? worded(turn.row.cause);
  return el("span", { class: "cut" }, icon("cut"), why ? `interrupted: ${why}` : "interrupted");
}

function toolLine(tool, seek) {
  const { row } = tool;
  const summary = el("summary", {}, icon("tool"), el("b", {}, row.tool ?? "tool"), " ",
    el("span", { class: "detail" }, known(row.duration_ms) ? `answered in ${lasting(row.duration_ms)}` : "did not answer"));
  const parts = [["Arguments", row.arguments], ["Result", row.result]].filter(([, text]) => known(text));
  const body = parts.flatMap(([name, text]) => [el("h3", {}, name), el("pre", { tabindex: "0", role: "region", "aria-label": name }, pretty(text))]);
  const told = body.length ? body : [el("p", { class: "none" }, "Nothing of it was kept.")];
  return el("li", { class: "line aside tool" }, timeButton(tool.begin, seek), el("details", {}, summary, ...told));
}

function markLine(mark, seek) {
  const tone = mark.kind === "guardrail" ? "guardrail" : "mark";
  return el("li", { class: `line aside ${tone}` },
    timeButton(mark.at, seek),
    el("p", { class: "happened" }, icon(mark.symbol), el("span", {}, capital(mark.text))),
  );
}
