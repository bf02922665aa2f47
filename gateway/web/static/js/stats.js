// Rows of /api/stats as the charts of the history want them. Pure.

/**
 * Days without a gap, the oldest first.
 * @param {Array<object>} rows one per day (UTC), in any order
 * @returns {Array<object>} with empty days in between
 */
export function everyDay(rows) {
  const days = new Map(rows.filter((row) => row.day).map((row) => [row.day, row]));
  if (!days.size) return [];
  const names = [...days.keys()].sort();
  const [first, last] = [Date.parse(names[0]), Date.parse(names[names.length - 1])];
  const all = [];
  for (let at = first; at <= last && all.length < 400; at += 86_400_000) {
    const day = new Date(at).toISOString().slice(0, 10);
    all.push(days.get(day) ?? { day, calls: 0, duration_ms: 0, cost_usd: 0, response_p50_ms: null, response_p95_ms: null });
  }
  return all;
}

/** The columns of a chart: moments in seconds (the day's noon in the viewer's zone), then values. */
export function columns(days, ...values) {
  const noon = (day) => new Date(`${day}T12:00:00`).getTime() / 1000;
  return [days.map(({ day }) => noon(day)), ...values.map((value) => days.map((row) => value(row) ?? null))];
}

const DAY_S = 86_400;

/** How far apart the words below a chart of days may be, in seconds. */
export const DAYS = [1, 2, 7, 14, 28, 56, 112].map((days) => days * DAY_S);

/** From where to where a chart of days goes: its first and last bar have room for all their width. */
export function wholeDays(noons) {
  return noons.length ? [noons[0] - DAY_S / 2, noons[noons.length - 1] + DAY_S / 2] : null;
}

/** From where to where a chart of moments goes: a minute at least, up to the last. */
export function lastMinutes(moments) {
  const last = moments[moments.length - 1];
  return moments.length ? [Math.min(moments[0], last - 60), last] : null;
}

/** What all days come to together. */
export function together(days) {
  const sum = (name) => days.reduce((all, row) => all + (row[name] ?? 0), 0);
  return { calls: sum("calls"), duration_ms: sum("duration_ms"), cost_usd: sum("cost_usd"), turns: sum("turns") };
}
