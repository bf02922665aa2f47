// What the form of an outbound call asks the gateway for. Pure.

/** Twice the same question rings one phone once. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * The body of POST /api/calls.
 * @param {object} form texts by field; `data` as lines of `key=value`
 * @throws {Error} naming the line of `data` that is none
 */
export function askOf(form) {
  const body = { to: form.to.trim(), by: "api" };
  for (const name of ["from", "agent", "campaign"]) if (form[name]?.trim()) body[name] = form[name].trim();
  if (form.amd && form.amd !== "off") body.amd = form.amd;
  if (form.record) body.record = form.record === "yes";
  if (form.max_minutes) body.max_minutes = Number(form.max_minutes);
  if (form.ring_s) body.ring_s = Number(form.ring_s);
  const data = dataOf(form.data ?? "");
  if (Object.keys(data).length) body.data = data;
  return body;
}

function dataOf(text) {
  const data = {};
  for (const line of text.split("\n").map((each) => each.trim()).filter(Boolean)) {
    const at = line.indexOf("=");
    const key = line.slice(0, Math.max(0, at)).trim();
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(key)) throw new Error(`“${line}” is not key=value`);
    data[key] = line.slice(at + 1).trim();
  }
  return data;
}

/** The steps of a call as far as it is: `[name, done, now]`. */
export function stepsOf(view) {
  const order = ["waiting", "sending", "queued", "ringing", "answered"];
  const over = Boolean(view.outcome);
  const at = over ? order.length : Math.max(0, order.indexOf(view.state));
  const seen = over && !view.answered_at ? (view.sent_at ? 2 : 0) : at;
  return [...order.map((name, place) => [name, place < (over ? seen + 1 : at) && !(over && name === "answered" && !view.answered_at), !over && place === at]), ["over", over, over]];
}
