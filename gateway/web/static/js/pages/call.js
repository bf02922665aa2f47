// One call: as it goes on, and its record afterwards.

import { el, icon } from "../../call/dom.js";
import { CallView } from "../../call/view.js";
import { recordOf } from "../liverecord.js";
import { ApprovalList } from "../parts/approvals.js";
import { lengthOf } from "../parts/callrow.js";
import { Supervision } from "../parts/supervise.js";

const WAITS_MS = [300, 600, 1000, 1500, 2000, 3000, 4000, 5000, 8000];

export function mount(root, app, { params }) {
  const page = new CallPage(root, app, params.sid);
  return () => page.dispose();
}

class CallPage {
  constructor(root, app, sid) {
    this.app = app;
    this.sid = sid;
    this.path = `/api/records/${encodeURIComponent(sid)}`;
    this.given = new AbortController();
    this.back = el("p", { class: "back" }, el("a", { href: "#/" }, "Live calls"), " · ", el("a", { href: "#/history" }, "History"));
    this.place = el("div", { class: "call-page" }, el("h1", { tabindex: "-1" }, "Call"), el("p", { class: "hint" }, "Looking for the call …"));
    this.audio = el("audio", { id: "audio", preload: "metadata" });
    root.append(this.back, this.place);
    this.repaint = app.onRepaint(() => this.view?.repaint());
    this.unwatch = app.live.watch([`call:${sid}`, "approvals"], (live, message) => this.hear(live, message));
    this.timer = setInterval(() => this.tick(), 1000);
    // Without a live board (it connects still, or never) the record is there all the same.
    if (app.live.state !== "open") void this.readRecord({ unlessLive: true });
  }

  hear(live, message) {
    const { board } = live;
    if (this.over) return;
    this.approvals?.show(board.approvals);
    if (board.call?.call_sid === this.sid) {
      this.board = board;
      if (board.call.state === "ended" || board.ended?.call_sid === this.sid) return void this.finish();
      return this.showLive();
    }
    if (message?.type !== "snapshot" || !("call" in message)) return;
    if (this.board) void this.finish();
    else void this.readRecord({});
  }

  get now_ms() {
    return lengthOf(this.board.call, this.app.api.now()) ?? 0;
  }

  showLive() {
    const data = recordOf(this.board.call, this.board.entries.values(), this.now_ms);
    if (this.view) this.view.update(data);
    else this.open(data);
  }

  open(data) {
    this.view = new CallView(this.place, this.audio, data);
    this.app.shell.mark(data.live ? "/" : "/history");
    if (!data.live) return;
    const actions = this.view.parts["call-actions"];
    this.approvals = new ApprovalList(this.app, this.sid);
    this.approvals.show(this.app.live.board.approvals);
    actions.append(this.approvals.root);
    if (this.app.may("operator")) {
      this.supervision = new Supervision(this.app, this.sid);
      actions.append(this.supervision.root);
    }
  }

  tick() {
    if (this.over || !this.board || !this.view) return;
    this.approvals?.tick(this.app.api.now());
    this.showLive();
  }

  // It is over: its record is written in a moment.
  async finish() {
    if (this.over) return;
    this.over = true;
    this.app.shell.announce("The call is over");
    this.supervision?.dispose();
    this.view?.parts["call-actions"].replaceChildren(el("p", { class: "notice" }, "The call is over; its record is being written …"));
    for (const wait of WAITS_MS) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      if (this.given.signal.aborted) return;
      const record = await this.record();
      if (record?.call?.state === "ended") return void this.showRecord(record);
    }
    const record = await this.record();
    if (record) return void this.showRecord(record);
    this.view?.parts["call-actions"].replaceChildren(el("p", { class: "notice" }, "The call is over. Its record is not there (yet); look into the history later."));
  }

  async record() {
    try {
      return await this.app.api.ask(this.path, { signal: this.given.signal });
    } catch (error) {
      this.error = error;
      return null;
    }
  }

  async readRecord({ unlessLive = false }) {
    const record = await this.record();
    if (this.given.signal.aborted || this.board || this.view) return;
    if (record && unlessLive && record.call.state !== "ended") return;
    if (record) return void this.showRecord(record);
    if (!unlessLive) this.place.replaceChildren(el("div", { class: "empty" }, el("h1", { tabindex: "-1" }, "No such call"), el("p", {}, this.error?.status === 404 ? `Nothing is known of ${this.sid}: it may have been erased, or be of another gateway.` : this.error?.message ?? "")));
  }

  async showRecord(record) {
    this.over = true;
    const sound = await this.sound(record.call);
    if (this.given.signal.aborted) return;
    this.view?.dispose();
    if (sound.missing) this.audio.removeAttribute("src");
    else this.audio.src = `${this.path}/audio`;
    this.open({ ...record, sound });
    this.view.parts["call-actions"].replaceChildren(this.exports(sound));
  }

  async sound(call) {
    if (!call.recording || call.recording_purged_at) return { missing: "none" };
    try {
      return await this.app.api.ask(`${this.path}/peaks`, { signal: this.given.signal });
    } catch {
      return { missing: "none" };
    }
  }

  exports(sound) {
    const link = (href, name, file) => el("li", {}, el("a", { href, download: file, class: "quiet" }, icon("down"), name));
    const text = (format, name, end) => link(`${this.path}/transcript?format=${format}`, name, `${this.sid}.${end}`);
    const links = [text("text", "Transcript", "txt"), text("vtt", "Captions (VTT)", "vtt"), text("json", "JSON", "json")];
    if (!sound.missing) links.unshift(link(`${this.path}/audio`, "Recording (WAV)", `${this.sid}.wav`));
    return el("ul", { class: "exports", "aria-label": "Export" }, ...links);
  }

  dispose() {
    this.given.abort();
    clearInterval(this.timer);
    this.unwatch();
    this.repaint();
    this.supervision?.dispose();
    this.view?.dispose();
  }
}
