// Begins: who is there, the shell around all pages, and the page of the address.

import { Theme } from "../call/theme.js";
import { Api } from "./api.js";
import { Live } from "./live.js";
import { kept, keep } from "./memory.js";
import { Router } from "./router.js";
import { ROUTES } from "./routes.js";
import { Session } from "./session.js";
import { Shell } from "./shell.js";

class App {
  constructor() {
    this.api = new Api(() => this.signedOut());
    this.session = new Session(this.api);
    this.live = new Live({ onRefused: () => void this.session.check().catch(() => {}) });
    this.repainted = new Set();
    this.theme = new Theme(() => this.repainted.forEach((paint) => paint()), kept("theme"));
    this.shell = new Shell(this);
    this.router = new Router(ROUTES, (found, place, current) => this.shell.show(found, place, current));
  }

  /** True for what somebody of that role may do. */
  may(role) {
    return this.session.may(role);
  }

  /** Calls back when the page is light after it was dark, and the other way round. */
  onRepaint(paint) {
    this.repainted.add(paint);
    return () => this.repainted.delete(paint);
  }

  toggleTheme() {
    keep("theme", this.theme.toggle());
  }

  /** To a page. */
  go(hash) {
    if (location.hash === hash) void this.router.go();
    else location.hash = hash;
  }

  signedOut() {
    this.session.forget();
    this.live.stop();
    if (!location.hash.startsWith("#/signin")) {
      this.back = location.hash;
      this.go("#/signin");
    }
  }

  /** Somebody is there: on with what they wanted. */
  signedIn() {
    this.shell.showWho();
    this.live.start();
    const back = this.back && !this.back.startsWith("#/signin") ? this.back : "#/";
    this.back = null;
    this.go(back);
  }

  async begin() {
    try {
      await this.session.check();
    } catch (error) {
      if (error.status !== 401) this.shell.notify(error.message, "bad");
    }
    if (this.session.who) {
      this.shell.showWho();
      this.live.start();
      if (location.hash.startsWith("#/signin")) location.hash = "#/";
    }
    await this.router.go();
  }
}

void new App().begin();
