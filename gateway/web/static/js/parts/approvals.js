// Tool calls that wait for a person: what is asked, how long it still waits, yes or no.

import { button, el, hidden, icon } from "../../call/dom.js";
import { clock, pretty } from "../../call/words.js";
import { Keyed, put } from "../keyed.js";

const MOST_LETTERS = 500;

/** A list of approvals that follows the live board. */
export class ApprovalList {
  /**
   * @param {object} app
   * @param {string|null} callSid of one call only, or of all
   */
  constructor(app, callSid = null) {
    this.app = app;
    this.callSid = callSid;
    this.list = el("ul", { class: "approvals" });
    this.root = el("section", { class: "waiting", "aria-labelledby": "approvals-title", hidden: true }, el("h2", { id: "approvals-title" }, "Waiting for a person"), this.list);
    this.rows = new Keyed(this.list, (each) => each.tool_call_id, (each) => approvalRow(app, each, callSid === null));
  }

  /** These are waiting. */
  show(approvals) {
    const ours = approvals.filter((each) => this.callSid === null || each.call_sid === this.callSid);
    this.rows.show(ours);
    this.root.hidden = !ours.length;
  }

  /** Once a second. */
  tick(now_ms) {
    this.rows.each((row) => row.tick(now_ms));
  }
}

function approvalRow(app, approval, linked) {
  const left = el("span", { class: "left" });
  const error = el("p", { class: "form-error", role: "alert" });
  const message = el("input", { type: "text", maxlength: MOST_LETTERS, "aria-label": "What the agent is told when you reject", placeholder: "Why not (the agent is told)" });
  const buttons = [];
  const decide = async (decision) => {
    for (const each of buttons) each.disabled = true;
    error.textContent = "";
    const said = message.value.trim();
    const body = decision === "reject" && said ? { decision, message: said } : { decision };
    try {
      await app.api.ask(`/api/approvals/${encodeURIComponent(approval.tool_call_id)}`, { method: "POST", body });
      app.shell.announce(`${approval.tool}: ${decision === "approve" ? "approved" : "rejected"}`);
    } catch (refusal) {
      error.textContent = refusal.message;
      for (const each of buttons) each.disabled = false;
    }
  };
  buttons.push(
    button({ class: "main good" }, () => void decide("approve"), icon("check"), "Approve", hidden(` ${approval.tool}`)),
    button({ class: "quiet danger" }, () => void decide("reject"), icon("cut"), "Reject", hidden(` ${approval.tool}`)));
  const call = linked ? [" ", el("a", { href: `#/calls/${encodeURIComponent(approval.call_sid)}` }, "in this call")] : [];
  const acts = app.may("operator")
    ? el("div", { class: "acts" }, buttons[0], el("span", { class: "reject" }, message, buttons[1]))
    : el("p", { class: "hint" }, "An operator decides this.");
  const node = el("li", { class: "card approval" },
    el("p", { class: "approval-head" }, icon("person"), el("span", {}, el("b", {}, approval.agent), " asks to use ", el("b", {}, approval.tool), ...call), left),
    el("pre", { tabindex: "0", role: "region", "aria-label": "Arguments" }, pretty(textOf(approval.arguments))),
    acts, error);
  const deadline = Date.parse(approval.deadline);
  const tick = (now_ms) => put(left, deadline > now_ms ? `${clock(deadline - now_ms)} left` : "out of time");
  tick(app.api.now());
  return { node, update: () => {}, tick };
}

function textOf(value) {
  return typeof value === "string" ? value : JSON.stringify(value ?? {});
}
