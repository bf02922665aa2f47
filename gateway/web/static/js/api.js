// The gateway's API as the pages use it.

/** What the gateway refused, or that it did not answer (`status` 0). */
export class ApiError extends Error {
  constructor(status, message, more = {}) {
    super(message);
    this.status = status;
    /** What the answer said besides: `rule`, `setting` … */
    this.more = more;
  }
}

/** Asks the gateway; knows how far its clock is from ours. */
export class Api {
  /** @param {() => void} onSignedOut is called when the gateway no longer knows who we are */
  constructor(onSignedOut = () => {}) {
    this.onSignedOut = onSignedOut;
    this.ahead_ms = 0;
  }

  /** The gateway's time (ms since 1970). */
  now() {
    return Date.now() + this.ahead_ms;
  }

  /**
   * The JSON of an answer.
   * @param {string} path
   * @param {{method?: string, body?: object, headers?: object, signal?: AbortSignal, quiet?: boolean}} options
   * @throws {ApiError}
   */
  async ask(path, options = {}) {
    return (await this.page(path, options)).content;
  }

  /** The same for lists: with the path of the next page, or null. */
  async page(path, { method = "GET", body, headers = {}, signal, quiet = false } = {}) {
    const request = { method, signal, credentials: "same-origin", cache: "no-store", headers: { Accept: "application/json", ...headers } };
    if (body !== undefined) {
      request.body = JSON.stringify(body);
      request.headers["Content-Type"] = "application/json";
    }
    let answer;
    try {
      answer = await fetch(path, request);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError(0, "The gateway does not answer.");
    }
    this.readClock(answer);
    const content = await contentOf(answer);
    if (answer.ok) return { content, next: nextOf(answer.headers.get("Link")) };
    if (answer.status === 401 && !quiet) this.onSignedOut();
    throw new ApiError(answer.status, errorOf(content, answer.status), content ?? {});
  }

  readClock(answer) {
    const theirs = Date.parse(answer.headers.get("Date") ?? "");
    // To the second: less than that is no difference.
    if (!Number.isNaN(theirs)) this.ahead_ms = Math.abs(theirs - Date.now()) > 2000 ? theirs - Date.now() : 0;
  }
}

async function contentOf(answer) {
  const kind = answer.headers.get("Content-Type") ?? "";
  if (!kind.startsWith("application/json")) return null;
  try {
    return await answer.json();
  } catch {
    return null;
  }
}

const STATUSES = { 401: "Sign in first.", 403: "Your role does not allow this.", 404: "It is not there (any more).", 429: "Too many requests; try again in a moment.", 503: "This cannot be done from here now." };

function errorOf(content, status) {
  const said = content && typeof content.error === "string" ? content.error : "";
  return said || STATUSES[status] || `The gateway answered ${status}.`;
}

/** The path behind `rel="next"` in a Link header, null when there is none. */
export function nextOf(header) {
  for (const part of (header ?? "").split(/,\s*(?=<)/)) {
    const found = /^<([^>]+)>\s*;.*rel="?next"?/.exec(part);
    if (found) return found[1];
  }
  return null;
}

/** A path with what of a query is given. */
export function pathWith(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(given).toString();
  return text ? `${path}?${text}` : path;
}
