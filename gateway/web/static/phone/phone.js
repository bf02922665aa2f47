// The softphone on a page: mountPhone puts it there.

import { button, el, icon } from "../call/dom.js";
import { Live } from "../js/live.js";
import { PhoneCall } from "./call.js";
import { keyOf, tones } from "./keys.js";
import { keypad } from "./keypad.js";
import { Line } from "./line.js";
import { Meter } from "./meter.js";
import { devices, Microphone } from "./microphone.js";
import { Talk } from "./talk.js";

const STYLE = new URL("../css/phone.css", import.meta.url).href;
const E164 = "\\+[1-9][0-9]{6,14}";
const WORDS = { "": "Ready.", calling: "Calling …", talking: "On the line.", elsewhere: "Transferred." };

/**
 * A telephone in `root`.
 * @param {HTMLElement} root
 * @param {{api: object, agents?: {name: string, state?: string}[], chosen?: string | null, live?: object, onCall?: (callSid: string) => void}} given
 * `api.ask(path, {method, body})` answers JSON; `live` is the page's live connection, else there is
 * one of its own; `onCall` is told the CallSid of each call.
 * @returns {() => void} takes it away, and hangs up
 */
export function mountPhone(root, given) {
  const phone = new Phone(given);
  root.append(phone.element);
  return () => phone.leave();
}

class Phone {
  constructor({ api, agents = [], chosen = null, live = null, onCall = () => {} }) {
    this.api = api;
    this.ownLive = live ? null : new Live();
    this.live = live ?? this.ownLive;
    this.onCall = onCall;
    this.call = null;
    this.line = null;
    this.unwatch = null;
    this.muted = false;
    this.beginning = false;
    this.microphone = new Microphone((stream, why) => this.heardBy(stream, why));
    this.build(agents, chosen);
    this.onDevices = () => void this.listDevices();
    navigator.mediaDevices?.addEventListener("devicechange", this.onDevices);
    void this.listDevices();
  }

  // The page

  build(agents, chosen) {
    style();
    this.agent = el("select", { id: "phone-agent" }, el("option", { value: "" }, "the route’s own"), agents.map((each) => optionOf(each, chosen)));
    this.called = el("input", { id: "phone-called", type: "tel", placeholder: "+15550001000", pattern: E164, autocomplete: "off" });
    this.status = el("p", { class: "phone-status", role: "status" }, WORDS[""]);
    this.clock = el("time", { class: "phone-clock", "aria-label": "Duration" }, "0:00");
    this.trouble = el("p", { class: "phone-trouble", role: "alert", hidden: true });
    this.dial = button({ class: "dial" }, () => this.callOrHangUp(), icon("phone"), el("span", {}, "Call"));
    this.mute = button({ class: "quiet", "aria-pressed": "false" }, () => this.setMuted(!this.muted), "Mute");
    this.volume = el("input", { id: "phone-volume", type: "range", min: "0", max: "1.5", step: "0.05", value: "1" });
    this.volume.addEventListener("input", () => this.line?.volume(Number(this.volume.value)));
    this.input = el("select", { id: "phone-input" });
    this.input.addEventListener("change", () => void this.microphone.open(this.input.value));
    this.output = el("select", { id: "phone-output" });
    this.output.addEventListener("change", () => void this.playThrough(this.output.value));
    this.meters = { caller: new Meter("You", "caller"), agent: new Meter("Agent", "agent") };
    this.keypad = keypad((key) => this.press(key));
    this.page = el("a", { class: "phone-page", hidden: true }, "The call’s page: waits, costs, recording");
    this.onward = el("div", { class: "phone-onward", hidden: true });
    this.talk = new Talk();
    const outputs = field("Loudspeaker", this.output);
    outputs.hidden = !Line.canChooseOutput;
    this.element = el(
      "section",
      { class: "phone", "aria-label": "Softphone" },
      el(
        "div",
        { class: "card phone-set" },
        el("div", { class: "phone-who" }, field("Agent", this.agent), field("As if this number were called", this.called)),
        el("div", { class: "phone-go" }, this.dial, this.mute, this.clock),
        this.status,
        this.page,
        this.trouble,
        this.onward,
        el("div", { class: "phone-meters" }, this.meters.caller.element, this.meters.agent.element),
        this.keypad.pad,
        el("div", { class: "phone-devices" }, field("Microphone", this.input), outputs, field("Volume", this.volume)),
        el("details", { class: "phone-keys" }, el("summary", {}, "Keyboard"), el("p", {}, "While a call is on and this panel has the focus: 0–9, * and # press keys, M mutes, H hangs up.")),
      ),
      el("div", { class: "card phone-talk" }, el("h2", {}, "What is said"), this.talk.list),
    );
    this.element.addEventListener("keydown", (event) => this.typed(event));
  }

  // The person

  callOrHangUp() {
    if (this.call && this.call.state !== "over") this.call.hangUp();
    else void this.begin();
  }

  async begin() {
    // Not `disabled`: that would take the focus, and with it the keyboard's keys, away.
    if (this.beginning || !this.called.reportValidity()) return;
    this.beginning = true;
    this.talk.clear();
    this.say("Calling …");
    try {
      this.line ??= await Line.open((message) => this.lineSays(message));
    } catch (error) {
      this.beginning = false;
      this.say(`This browser makes no sound here: ${error.message}`);
      return;
    }
    if (this.left) {
      void this.line.close();
      return;
    }
    this.line.mute(this.muted);
    this.line.volume(Number(this.volume.value));
    void this.microphone.open(this.input.value);
    this.call = new PhoneCall({ api: this.api, line: this.line, tell: (call) => this.callSays(call) });
    this.beginning = false;
    this.draw();
    await this.call.begin({ agent: this.agent.value || null, called: this.called.value.trim() || null });
  }

  setMuted(on) {
    this.muted = on;
    this.mute.setAttribute("aria-pressed", String(on));
    this.mute.textContent = on ? "Muted" : "Mute";
    this.line?.mute(on);
  }

  press(key) {
    if (this.call?.state !== "talking") return;
    this.call.press(key);
    this.line.beep(tones(key));
    this.keypad.flash(key);
  }

  typed(event) {
    if (this.call === null || this.call.state === "over" || event.target.closest("input, select, summary")) return;
    const letter = event.ctrlKey || event.altKey || event.metaKey || event.repeat ? "" : event.key.toLowerCase();
    const key = keyOf(event);
    if (key) this.press(key);
    else if (letter === "m") this.setMuted(!this.muted);
    else if (letter === "h") this.call.hangUp();
    else return;
    event.preventDefault();
  }

  async playThrough(deviceId) {
    try {
      await this.line?.playThrough(deviceId);
    } catch {
      this.warn("That loudspeaker cannot be used; the sound goes where it went before.");
    }
  }

  // The microphone

  heardBy(stream, why) {
    this.line?.listenTo(stream);
    this.warn(why && `${why}${this.call && this.call.state !== "over" ? " The agent hears silence meanwhile." : ""}`);
    void this.listDevices();
  }

  async listDevices() {
    const { inputs, outputs } = await devices();
    fill(this.input, inputs, this.microphone.deviceId, "The usual one");
    fill(this.output, outputs, this.output.value, "The usual one");
  }

  // The line and the call

  lineSays(message) {
    if (message.type === "frame") {
      this.call?.frame(message.bytes);
      this.meters.caller.show(message.caller);
      this.meters.agent.show(message.agent);
      this.element.dataset.agent = message.speaking ? "speaking" : "silent";
    } else if (message.type === "mark") {
      this.call?.returned(message.name);
    } else if (message.type === "slept") {
      this.call?.slept(message.ms);
    } else if (message.type === "silent") {
      // Where tests, and whoever wonders, find how quickly an interruption was obeyed.
      this.element.dataset.silentAfterMs = ((message.last - message.cut) * 1000).toFixed(1);
    }
  }

  callSays(call) {
    if (call !== this.call) return;
    if (call.callSid && this.element.dataset.callSid !== call.callSid) {
      this.element.dataset.callSid = call.callSid;
      this.page.href = `#/calls/${encodeURIComponent(call.callSid)}`;
      this.watch(call.callSid);
      this.onCall(call.callSid);
    }
    this.draw();
  }

  watch(callSid) {
    this.unwatch?.();
    this.live.start();
    this.unwatch = this.live.watch([`call:${callSid}`], ({ board }) => {
      if (board.call?.call_sid === callSid) this.talk.show(board.entries.values());
    });
  }

  draw() {
    const { call } = this;
    const state = call?.state ?? "";
    const on = state !== "" && state !== "over";
    this.element.dataset.state = state;
    this.dial.classList.toggle("red", on);
    this.dial.replaceChildren(icon(on ? "hangup" : "phone"), el("span", {}, on ? "Hang up" : "Call"));
    this.keypad.enable(state === "talking");
    this.agent.disabled = this.called.disabled = on;
    this.say(state === "over" ? call.why : WORDS[state]);
    this.drawOnward(state === "elsewhere" ? call.destination : null);
    this.tick(on);
    if (state !== "talking") for (const meter of Object.values(this.meters)) meter.rest();
    // Leaving for it in the middle of the call would hang up.
    this.page.hidden = state !== "over" || !call.callSid;
    if (state === "over") this.rest();
  }

  // Somebody else would be rung now; nobody is, so the person says how that went.
  drawOnward(destination) {
    clearTimeout(this.ringing);
    this.onward.hidden = !destination;
    if (!destination) {
      this.onward.replaceChildren();
      return;
    }
    const { destination: key, description, timeout_s: limit } = destination;
    const answer = (status) => () => void this.call.decide(status);
    this.onward.replaceChildren(
      el("p", {}, "The caller would be connected to ", el("b", {}, key), description ? ` (${description})` : "", ` now. Nobody is rung; what becomes of it?`),
      button({ class: "quiet" }, answer("completed"), "They talked"),
      button({ class: "quiet" }, answer("busy"), "Busy"),
      button({ class: "quiet" }, answer("no-answer"), `No answer (in ${limit} s by itself)`),
    );
    this.ringing = setTimeout(answer("no-answer"), limit * 1000);
    this.onward.querySelector("button").focus();
  }

  tick(on) {
    if (on && !this.ticking) {
      const began = performance.now();
      const show = () => (this.clock.textContent = duration(performance.now() - began));
      show();
      this.ticking = setInterval(show, 500);
    } else if (!on) {
      clearInterval(this.ticking);
      this.ticking = null;
    }
  }

  rest() {
    this.microphone.close();
    this.line?.listenTo(null);
    this.warn("");
  }

  say(text) {
    if (this.status.textContent !== text) this.status.textContent = text;
  }

  warn(text) {
    this.trouble.textContent = text;
    this.trouble.hidden = !text;
  }

  leave() {
    this.left = true;
    this.call?.hangUp();
    this.unwatch?.();
    this.ownLive?.stop();
    clearTimeout(this.ringing);
    this.tick(false);
    navigator.mediaDevices?.removeEventListener("devicechange", this.onDevices);
    this.microphone.close();
    void this.line?.close();
    this.element.remove();
  }
}

function optionOf(agent, chosen) {
  const broken = agent.state === "broken";
  return el("option", { value: agent.name, selected: agent.name === chosen, disabled: broken }, broken ? `${agent.name} (broken)` : agent.name);
}

function field(label, control) {
  return el("p", { class: "field" }, el("label", { for: control.id }, label), control);
}

function fill(select, found, chosen, usual) {
  select.replaceChildren(el("option", { value: "" }, usual), ...found.map((each) => el("option", { value: each.id, selected: each.id === chosen }, each.label)));
}

function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function style() {
  if ([...document.styleSheets].some((sheet) => sheet.href === STYLE)) return;
  document.head.append(el("link", { rel: "stylesheet", href: STYLE }));
}
