// Who is signed in, and what they may do.

const ROLES = ["viewer", "operator", "admin"];

/** The one who looks at the dashboard. */
export class Session {
  constructor(api) {
    this.api = api;
    this.who = null;
  }

  /** Asks who is there. Raises ApiError, with status 401 when nobody is. */
  async check() {
    const who = await this.api.ask("/api/session");
    this.who = ROLES.includes(who?.role) ? who : null;
    return this.who;
  }

  /** Signs in. Raises ApiError when name or password are wrong. */
  async signIn(name, password) {
    await this.api.ask("/api/session", { method: "POST", body: { name, password }, quiet: true });
    return this.check();
  }

  async signOut() {
    await this.api.ask("/api/session", { method: "DELETE" });
    this.forget();
  }

  forget() {
    this.who = null;
  }

  /** True for what somebody of that role, or one above it, may do. */
  may(role) {
    return this.who !== null && ROLES.indexOf(this.who.role) >= ROLES.indexOf(role);
  }

  /** True for who came in by a password and can leave. */
  get leaves() {
    return this.who?.via === "session";
  }
}
