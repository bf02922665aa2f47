// How text becomes elements. Text is only ever put in as text.

import { SHAPES } from "./icons.js";
import { known } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; what is null or false is left out. */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter(known));
  return node;
}

/** A button that does something. */
export function button(properties, act, ...children) {
  const node = el("button", { type: "button", ...properties }, ...children);
  node.addEventListener("click", act);
  return node;
}

/** One of the drawings of `icons.js`, which says nothing by itself. */
export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  for (const [key, value] of [["class", "icon"], ["viewBox", "0 0 24 24"], ["aria-hidden", "true"], ["focusable", "false"]]) {
    drawing.setAttribute(key, value);
  }
  for (const [shape, attributes] of SHAPES[name] ?? SHAPES.dot) {
    const part = document.createElementNS(SVG, shape);
    for (const [key, value] of Object.entries(attributes)) part.setAttribute(key, value);
    drawing.append(part);
  }
  return drawing;
}

/** Words for those who hear the page. */
export function hidden(text) {
  return el("span", { class: "hidden" }, text);
}
