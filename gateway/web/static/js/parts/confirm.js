// A question before something that cannot be taken back.

import { button, el } from "../../call/dom.js";

/** Asks; resolves to true for yes. */
export function confirmed(question, yes) {
  return new Promise((resolve) => {
    const dialog = el("dialog", { class: "card", "aria-labelledby": "confirm-words" });
    const close = (answer) => {
      dialog.close();
      dialog.remove();
      resolve(answer);
    };
    dialog.append(
      el("p", { id: "confirm-words" }, question),
      el("div", { class: "acts" }, button({ class: "main danger" }, () => close(true), yes), button({ class: "quiet" }, () => close(false), "Cancel")));
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      close(false);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
