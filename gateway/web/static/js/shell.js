// What is around every page: navigation, who is there, whether what is shown is fresh, messages.

import { button, el, hidden, icon } from "../call/dom.js";
import { ROUTES } from "./routes.js";

const NOTICE_MS = 6000;
const MOST_NOTICES = 3;

/** The frame of the dashboard. */
export class Shell {
  constructor(app) {
    this.app = app;
    this.build();
    this.showWho();
    app.live.watch(["approvals"], (live) => this.showLive(live));
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.fold());
  }

  build() {
    const { app } = this;
    this.links = ROUTES.filter((route) => route.nav).map((route) => {
      const count = el("span", { class: "count", hidden: true });
      const link = el("a", { href: `#${route.path}` }, icon(route.icon), el("span", {}, route.nav), count);
      return { route, count, item: el("li", {}, link), link };
    });
    this.menu = button({ class: "menu", "aria-expanded": "false", "aria-controls": "app-nav" }, () => this.unfold(), icon("menu"), hidden("Menu"));
    this.nav = el("nav", { id: "app-nav", "aria-label": "Pages" }, el("ul", {}, ...this.links.map(({ item }) => item)));
    this.connection = el("p", { class: "connection", role: "status" });
    this.whoIs = el("p", { class: "who-is" });
    this.leave = button({ class: "quiet" }, () => void this.signOut(), "Sign out");
    this.themed = button({ class: "quiet" }, () => app.toggleTheme(), icon("theme"), hidden("Dark page"));
    const paint = () => this.themed.setAttribute("aria-pressed", String(app.theme.dark));
    app.onRepaint(paint);
    paint();
    this.main = el("main", { id: "app-main", tabindex: "-1" });
    this.notices = el("div", { class: "notices", role: "status", "aria-live": "polite" });
    this.spoken = el("p", { class: "hidden", "aria-live": "polite", role: "log" });
    const skip = button({ class: "skip" }, () => this.main.focus(), "Skip to the page");
    this.foot = el("div", { class: "side-foot" }, this.connection, el("div", { class: "side-who" }, this.whoIs, el("div", { class: "side-buttons" }, this.leave, this.themed)));
    this.side = el("header", { class: "side" },
      el("div", { class: "brand" }, el("a", { href: "#/" }, icon("live"), el("span", {}, "Gateway")), this.menu),
      el("div", { class: "side-rest" }, this.nav, this.foot));
    document.body.replaceChildren(skip, el("div", { class: "app" }, this.side, this.main), this.notices, this.spoken);
  }

  /** Shows the page that was found; returns what leaves it. */
  async show(found, place, current) {
    this.fold();
    const { app } = this;
    if (!app.session.who && found?.route.path !== "/signin") return this.toSignIn();
    document.body.classList.toggle("outside", found?.route.path === "/signin");
    const route = found?.route;
    for (const { route: each, link } of this.links) {
      if (each === route) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (!route) return this.showNothing("There is no such page", "The address leads nowhere.");
    if (route.role && !app.may(route.role)) return this.showNothing("Not for you", `This page needs the role ${route.role}.`);
    document.title = `${route.title} · Gateway`;
    const root = el("div", { class: "page" });
    let page;
    try {
      page = await route.load();
    } catch {
      return this.showNothing("The page did not arrive", "The gateway does not answer; try again in a moment.");
    }
    if (!current()) return () => {};
    this.main.replaceChildren(root);
    scrollTo(0, 0);
    const leave = page.mount(root, app, { params: found.params, query: place.query });
    if (this.visited) (root.querySelector("h1") ?? this.main).focus({ preventScroll: true });
    this.visited = true;
    return leave;
  }

  toSignIn() {
    this.app.back = location.hash;
    this.app.go("#/signin");
    return () => {};
  }

  showNothing(title, words) {
    document.title = `${title} · Gateway`;
    this.main.replaceChildren(el("div", { class: "page" }, el("div", { class: "empty" }, el("h1", { tabindex: "-1" }, title), el("p", {}, words), el("p", {}, el("a", { href: "#/" }, "To the live calls")))));
    return () => {};
  }

  showWho() {
    const { session } = this.app;
    for (const { route, item } of this.links) item.hidden = !session.may(route.role);
    const how = session.who && !session.leaves ? (session.who.via === "local" ? "on this machine" : "by token") : "";
    this.whoIs.replaceChildren(...(session.who ? [el("b", {}, session.who.name), el("span", {}, [session.who.role, how].filter(Boolean).join(", "))] : []));
    this.leave.hidden = !session.leaves;
  }

  showLive(live) {
    const words = { open: "Live", connecting: "Connecting …", lost: "Not connected – what is shown may be old", off: "" }[live.state];
    if (this.connection.textContent !== words) this.connection.textContent = words;
    this.connection.dataset.state = live.state;
    document.body.classList.toggle("stale", live.state === "lost" || (live.state === "connecting" && live.board.calls.size > 0));
    const waiting = live.board.approvals.length;
    const { count } = this.links[0];
    count.hidden = !waiting;
    if (count.textContent !== String(waiting)) count.replaceChildren(String(waiting), hidden(waiting === 1 ? " approval waits" : " approvals wait"));
    const known = this.waiting ?? new Set();
    this.waiting = new Set(live.board.approvals.map((each) => each.tool_call_id));
    for (const each of live.board.approvals) if (!known.has(each.tool_call_id)) this.announce(`${each.agent} asks whether it may use ${each.tool}`);
  }

  /** The page belongs to another one, which is marked in the navigation. */
  mark(path) {
    for (const { route, link } of this.links) {
      if (route.path === path) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  /** Words for those who hear the page. */
  announce(text) {
    this.spoken.textContent = text;
  }

  /** A message for everybody that goes by itself. */
  notify(text, tone = "") {
    const notice = el("p", { class: `notice-card ${tone}` }, text, button({ class: "quiet", "aria-label": "Close" }, () => notice.remove(), icon("cut")));
    this.notices.append(notice);
    while (this.notices.children.length > MOST_NOTICES) this.notices.firstChild.remove();
    setTimeout(() => notice.remove(), NOTICE_MS);
  }

  async signOut() {
    try {
      await this.app.session.signOut();
    } catch (error) {
      return this.notify(error.message, "bad");
    }
    return this.app.signedOut();
  }

  unfold() {
    const open = this.side.classList.toggle("open");
    this.menu.setAttribute("aria-expanded", String(open));
  }

  fold() {
    this.side.classList.remove("open");
    this.menu.setAttribute("aria-expanded", "false");
  }
}
