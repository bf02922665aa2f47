// Puts it all together: drawing, sound and words move as one.

const STEP = { small: 1000, large: 5000 };

let current;
const player = new Player(CALL, moved);
const strip = new Strip(CALL, (ms) => player.seek(ms));
const seek = (ms) => player.seek(ms);

showHead(CALL);
showFacts(CALL);
showNotes(seek);
showTranscript(CALL, seek);
showLatency(CALL, seek);
showUsage(CALL);
showEvents(seek);
showLegend(CALL);
showSoundNote(CALL);
moved(0, false);
// Of a call that never was there is nothing to draw, or to play.
byId("timeline").hidden = byId("player").hidden = !CALL.happened;

function moved(ms, jumped) {
  strip.place(ms);
  if (jumped) strip.reveal();
  else if (player.playing) strip.follow();
  byId("now").textContent = clock(ms, true);
  const turn = speaking(ms);
  if (turn !== current) {
    current?.line?.removeAttribute("aria-current");
    turn?.line?.setAttribute("aria-current", "true");
    current = turn;
    showCaption(turn);
  }
  strip.root.setAttribute("aria-valuemax", Math.round(CALL.whole / 1000));
  strip.root.setAttribute("aria-valuemin", 0);
  strip.root.setAttribute("aria-valuenow", Math.round(ms / 1000));
  strip.root.setAttribute("aria-valuetext", turn ? `${clock(ms)}, ${turn.who} speaks` : clock(ms));
}

function showCaption(turn) {
  const words = turn ? (turn.row.heard_text ?? turn.row.text) : "";
  byId("caption").replaceChildren(
    ...(turn
      ? [el("b", { class: turn.who }, capital(turn.who)), " ", el("span", { dir: "auto" }, excerpt(words, 200) || "…")]
      : [el("span", { class: "hint" }, player.playable ? "Space plays, ← and → move by five seconds" : "← and → move by five seconds")]),
  );
}

function showLegend(call) {
  const has = (kind) => call.marks.some((mark) => mark.drawn && mark.kind === kind);
  const items = [
    ["caller", "caller", true],
    ["agent", "agent", true],
    ["ghost", "made, but not heard", call.turns_said.some((turn) => turn.unheard_ms && turn.end !== null)],
    ["cut", "interruption", call.turns_said.some((turn) => turn.cut)],
    ["tool", "tool", call.tools.length > 0],
    ["handoff", "handoff", has("handoff")],
    ["guard", "guardrail", has("guardrail")],
  ].filter(([, , shown]) => shown);
  byId("legend").replaceChildren(
    ...items.map(([tone, name]) => el("li", {}, el("span", { class: `swatch ${tone}`, "aria-hidden": "true" }), name)),
  );
}

function showSoundNote(call) {
  const note = byId("sound-note");
  note.textContent = soundNote(call);
  if (call.sound.missing !== "large") return;
  const input = el("input", { type: "file", accept: "audio/*", "aria-label": "The recording" });
  input.addEventListener("change", () => player.open(input.files[0]));
  note.append(" ", input);
}

// Keys

function typing(target) {
  return target.closest("input, button, summary, a, pre, [contenteditable]") !== null;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const act = keyAction(event);
  if (!act) return;
  event.preventDefault();
  act();
});

function keyAction(event) {
  const step = event.shiftKey ? STEP.small : STEP.large;
  if (event.key === " " && !typing(event.target) && player.playable) return () => player.toggle();
  const scrolls = event.target.closest("input, .scroller, pre") !== null;
  if (event.key === "ArrowLeft" && !scrolls) return () => player.seek(player.ms - step);
  if (event.key === "ArrowRight" && !scrolls) return () => player.seek(player.ms + step);
  return event.target === strip.root ? stripAction(event.key) : undefined;
}

function stripAction(key) {
  return {
    Home: () => player.seek(0),
    End: () => player.seek(CALL.whole),
    n: () => player.seek(neighbour(1)),
    p: () => player.seek(neighbour(-1)),
    "+": () => zoom(1.6),
    "=": () => zoom(1.6),
    "-": () => zoom(1 / 1.6),
    0: () => strip.fit(),
  }[key.length === 1 ? key.toLowerCase() : key];
}

function neighbour(direction) {
  const begins = CALL.turns_said.map((turn) => turn.begin).filter(known);
  if (direction > 0) return begins.find((ms) => ms > player.ms + 1) ?? CALL.whole;
  return begins.filter((ms) => ms < player.ms - 500).pop() ?? 0;
}

// Around the playhead when it is in sight.
function zoom(factor) {
  const x = strip.xAt(player.ms) - strip.root.scrollLeft;
  strip.zoomBy(factor, x >= 0 && x <= strip.width ? x : undefined);
}

byId("zoom-in").addEventListener("click", () => zoom(1.6));
byId("zoom-out").addEventListener("click", () => zoom(1 / 1.6));
byId("zoom-fit").addEventListener("click", () => strip.fit());

// Light and dark

const prefersDark = matchMedia("(prefers-color-scheme: dark)");

function dark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : prefersDark.matches;
}

function themed() {
  byId("theme").setAttribute("aria-pressed", String(dark()));
  strip.repaint();
}

byId("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = dark() ? "light" : "dark";
  themed();
});
prefersDark.addEventListener("change", themed);

// Paper is white, and has room for the whole call.
let shown = null;
addEventListener("beforeprint", () => {
  shown = document.documentElement.dataset.theme ?? "";
  document.documentElement.dataset.theme = "light";
  strip.fit();
  strip.repaint();
});
addEventListener("afterprint", () => {
  if (shown) document.documentElement.dataset.theme = shown;
  else delete document.documentElement.dataset.theme;
  themed();
});
themed();
