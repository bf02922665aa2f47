// The socket of what happens now: it comes back by itself, and says when what is shown is old.

import { emptyBoard, merged } from "./board.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** The code with which the gateway closes sockets of a session that ended. */
const SIGNED_OUT = 4401;

/** One live connection for all pages. */
export class Live {
  /** @param {{onRefused: () => void}} options called when the socket was refused, or its session has ended */
  constructor({ onRefused = () => {} } = {}) {
    this.onRefused = onRefused;
    this.board = emptyBoard();
    this.listeners = new Set();
    this.topics = new Map();
    this.state = "off";
    this.wait_ms = FIRST_WAIT_MS;
    this.wake = () => this.again();
    addEventListener("online", this.wake);
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.again());
  }

  /** Connects, when it is not. */
  start() {
    if (this.state === "off") this.connect();
  }

  /** Ends the connection; what was known is forgotten. */
  stop() {
    this.state = "off";
    clearTimeout(this.timer);
    this.socket?.close();
    this.socket = null;
    this.board = emptyBoard();
    this.tell();
  }

  /**
   * Watches topics ("calls", "call:CA…") until the returned function is called.
   * @param {string[]} topics
   * @param {(live: Live) => void} listener is told of every change, and once at the beginning
   */
  watch(topics, listener) {
    const key = Symbol("watch");
    this.topics.set(key, topics);
    this.listeners.add(listener);
    this.ask();
    listener(this);
    return () => {
      this.topics.delete(key);
      this.listeners.delete(listener);
      this.ask();
    };
  }

  /** True while what is shown is what is: "calls", "health", "approvals" or "call". */
  knows(topic) {
    return this.state === "open" && this.board.version !== null && this.board.known.has(topic);
  }

  connect() {
    clearTimeout(this.timer);
    this.state = "connecting";
    this.tell();
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/live`);
    this.socket = socket;
    let opened = false;
    socket.addEventListener("open", () => {
      opened = true;
      if (this.socket === socket) this.ask(true);
    });
    socket.addEventListener("message", (event) => this.socket === socket && this.hear(event.data));
    socket.addEventListener("close", (event) => {
      if (this.socket !== socket) return;
      if (!opened || event.code === SIGNED_OUT) this.onRefused();
      if (this.socket === socket) this.lose();
    });
  }

  lose() {
    this.socket = null;
    this.state = "lost";
    this.board = { ...this.board, version: null };
    this.asked = null;
    // Not all browsers at once when a gateway has started again.
    const wait = this.wait_ms * (0.75 + Math.random() / 2);
    this.wait_ms = Math.min(LONGEST_WAIT_MS, this.wait_ms * 2);
    this.timer = setTimeout(() => this.connect(), wait);
    this.tell();
  }

  again() {
    if (this.state !== "lost") return;
    this.wait_ms = FIRST_WAIT_MS;
    this.connect();
  }

  // What all pages together want to know; nothing is asked twice.
  ask(anew = false) {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const wanted = [...new Set([...this.topics.values()].flat())].sort();
    const text = JSON.stringify({ watch: wanted });
    if (!anew && text === this.asked) return;
    this.asked = text;
    this.socket.send(text);
  }

  hear(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    const { board, lost } = merged(this.board, message);
    this.board = board;
    if (lost) {
      this.board = { ...board, version: null };
      return this.ask(true);
    }
    if (message.type === "snapshot") {
      this.state = "open";
      this.wait_ms = FIRST_WAIT_MS;
    }
    return this.tell(message);
  }

  tell(message = null) {
    for (const listener of [...this.listeners]) listener(this, message);
  }
}
