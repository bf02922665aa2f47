// What a page shows while there is nothing yet, nothing at all, or an error.

import { button, el } from "../../call/dom.js";

/** Shown instead of a list that is empty. */
export function nothing(title, ...words) {
  return el("div", { class: "empty" }, el("h2", {}, title), ...words.map((each) => (typeof each === "string" ? el("p", {}, each) : each)));
}

/** Shown instead of what did not come; `again` tries once more. */
export function failed(error, again) {
  return el("div", { class: "empty", role: "alert" }, el("h2", {}, "This did not work"), el("p", {}, error.message), button({ class: "quiet" }, again, "Try again"));
}

/** The top of a page. */
export function pageHead(title, ...beside) {
  return el("div", { class: "page-head" }, el("h1", { tabindex: "-1" }, title), ...beside);
}

/**
 * Fills a place with what is asked for, or says why not.
 * @param {HTMLElement} place
 * @param {() => Promise<any>} ask
 * @param {(content: any) => HTMLElement[]} show
 */
export async function filled(place, ask, show) {
  place.setAttribute("aria-busy", "true");
  if (!place.firstChild) place.append(el("p", { class: "hint loading" }, "Loading …"));
  try {
    place.replaceChildren(...show(await ask()));
  } catch (error) {
    if (error.name === "AbortError") return;
    place.replaceChildren(failed(error, () => void filled(place, ask, show)));
  } finally {
    place.removeAttribute("aria-busy");
  }
}
