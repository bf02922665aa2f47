// What was said and done, in the order it happened.

const CAUSES = table({
  caller: "the caller spoke",
  guardrail: "a guardrail stopped it",
  operator: "a person stopped it",
  dtmf: "the caller pressed keys",
  tool: "a tool stopped it",
});

function showTranscript(call, seek) {
  const entries = [
    ...call.turns_said.map((turn) => ({ at: turn.at, order: 0, turn })),
    ...call.tools.map((tool) => ({ at: tool.begin, order: 2, tool })),
    ...call.marks.map((mark) => ({ at: mark.at, order: 1, mark })),
  ].sort((a, b) => a.at - b.at || a.order - b.order);
  const lines = entries.map((entry) => {
    const line = entry.turn ? spokenLine(entry.turn, seek) : entry.tool ? toolLine(entry.tool, seek) : markLine(entry.mark, seek);
    line.addEventListener("click", (event) => {
      if (!event.target.closest("details, button, a") && !String(getSelection())) seek(entry.at);
    });
    if (entry.turn) entry.turn.line = line;
    return line;
  });
  byId("transcript").replaceChildren(...lines);
  byId("transcript-note").textContent = transcriptNote(call, lines.length);
}

function transcriptNote(call, lines) {
  if (known(call.text_purged_at)) return `Words were deleted on ${day(call.text_purged_at)}.`;
  return lines ? "" : "Nobody said anything.";
}

function spokenLine(turn, seek) {
  const { row, who } = turn;
  const speaker = who === "agent" && known(row.agent) ? [capital(who), el("span", { class: "which" }, row.agent)] : [capital(who)];
  return el("li", { class: `line ${who}` },
    timeButton(turn.begin, seek),
    el("div", { class: "said" }, el("p", { class: "who" }, ...speaker), el("p", { class: "words", dir: "auto" }, ...wordsOf(turn))),
  );
}

// Heard words as they are; those nobody heard struck out and said to be so.
function wordsOf(turn) {
  const { row } = turn;
  const words = [];
  const split = known(row.heard_text) || known(row.unheard_text);
  const heard = split ? row.heard_text : row.text;
  const allUnheard = turn.who === "agent" && !split && known(row.heard_ms) && row.heard_ms === 0 && row.audio_ms > 0;
  if (known(heard)) words.push(allUnheard ? struck(heard) : heard);
  if (turn.cut) words.push(" ", cutOf(turn), " ");
  if (known(row.unheard_text)) words.push(words.length ? " " : "", struck(row.unheard_text));
  else if (turn.unheard_ms && !allUnheard && !split) {
    words.push(" ", el("span", { class: "tag" }, `${lasting(turn.unheard_ms)} not heard`));
  }
  return words.length ? words : [el("span", { class: "none" }, known(CALL.text_purged_at) ? "words deleted" : "no transcript")];
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
