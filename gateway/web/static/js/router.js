// Which page an address (behind the #) is, and leaving the one before it.

/** @returns {{path: string, query: URLSearchParams}} of `#/history?agent=x` */
export function parsed(hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split("?", 2);
  return { path: path || "/", query: new URLSearchParams(query) };
}

/**
 * The route of a path.
 * @param {Array<{path: string, load: Function}>} routes `:name` stands for one part
 * @returns {{route: object, params: object} | null}
 */
export function matched(routes, path) {
  const parts = path.split("/");
  for (const route of routes) {
    const wanted = route.path.split("/");
    if (wanted.length !== parts.length) continue;
    const params = {};
    const fits = wanted.every((each, at) => {
      if (!each.startsWith(":")) return each === parts[at];
      params[each.slice(1)] = decoded(parts[at]);
      return parts[at] !== "";
    });
    if (fits) return { route, params };
  }
  return null;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Shows the page of the address, one at a time. */
export class Router {
  /**
   * @param {Array<object>} routes see `matched`; `load()` gives a module with `mount(root, app, place)`
   * @param {(found: object | null, place: object) => Promise<(() => void) | void>} show
   */
  constructor(routes, show) {
    this.routes = routes;
    this.show = show;
    this.leave = () => {};
    this.visit = 0;
    addEventListener("hashchange", () => this.go());
  }

  /** To the page of the address. */
  async go() {
    this.visit += 1;
    const visit = this.visit;
    this.leave();
    this.leave = () => {};
    const place = parsed(location.hash);
    const leave = (await this.show(matched(this.routes, place.path), place, () => visit === this.visit)) ?? (() => {});
    // Somebody went on while it was loading.
    if (visit !== this.visit) leave();
    else this.leave = leave;
  }
}
