// Notes of the agents'.

import { el } from "./dom.js";
import { timeButton } from "./timebutton.js";

/** What agents noted for whoever looks later. */
export function showNotes(call, parts, seek) {
  const { notes } = call.rows;
  if (!notes.length) return parts.notes.replaceChildren();
  const items = notes.map((note) => el("li", {}, timeButton(note.at_ms, seek), el("p", {}, note.text ?? "")));
  return parts.notes.replaceChildren(
    el("section", { class: "notes", "aria-labelledby": "notes-title" },
      el("h2", { id: "notes-title" }, notes.length === 1 ? "Note" : "Notes"),
      el("ul", {}, ...items)),
  );
}
