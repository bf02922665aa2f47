// Times as the viewer's clock and calendar have them.

import { NONE, known } from "../call/words.js";

const SHORT = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

/** Day and time, short: "3 Mar, 14:02"; the year when it is another one. */
export function when(iso, now = new Date()) {
  const at = new Date(iso ?? NaN);
  if (Number.isNaN(at.getTime())) return NONE;
  const year = at.getFullYear() === now.getFullYear() ? {} : { year: "numeric" };
  return at.toLocaleString("en-GB", { ...SHORT, ...year });
}

/** The viewer's zone as people say it: "Europe/Berlin, GMT+1". */
export function zoneName(at = new Date()) {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
  const short = at.toLocaleTimeString("en-GB", { timeZoneName: "short" }).split(" ").pop();
  return name && name !== short ? `${name.replace(/_/g, " ")} (${short})` : short;
}

/** How long ago, in one unit: "12 s ago". */
export function ago(iso, now_ms) {
  if (!known(iso)) return NONE;
  const seconds = Math.max(0, Math.round((now_ms - Date.parse(iso)) / 1000));
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}

/** The beginning of a local day ("2026-03-03") as UTC ISO, days later when said; null for no day. */
export function startOfDay(day, later = 0) {
  const found = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day ?? "");
  if (!found) return null;
  const at = new Date(Number(found[1]), Number(found[2]) - 1, Number(found[3]) + later);
  return Number.isNaN(at.getTime()) ? null : at.toISOString();
}

/** A local day as `<input type="date">` wants it. */
export function localDay(at) {
  const two = (value) => String(value).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}
