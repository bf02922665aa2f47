// The page of one call as a file: its data is in the page, its times are UTC for whoever gets it.

import { button, hidden, icon } from "../call/dom.js";
import { Theme } from "../call/theme.js";
import { CallView } from "../call/view.js";

const DATA = JSON.parse(document.getElementById("data").textContent);
const sound = document.getElementById("audio");
const view = new CallView(document.getElementById("call"), sound, DATA, { zone: "UTC" });
const chosen = new Theme(themed);
const toggle = button({ class: "quiet", id: "theme" }, () => chosen.toggle(), icon("theme"), hidden("Dark page"));

function themed(dark) {
  toggle.setAttribute("aria-pressed", String(dark));
  view.repaint();
}

view.parts.corner.append(toggle);
addEventListener("beforeprint", () => view.strip.fit());
themed(chosen.dark);
