// How values read.

/** Stands where nothing is known. */
export const NONE = "–";

/** Words by name, and none for a name that only means something to the language. */
export function table(words) {
  return Object.assign(Object.create(null), words);
}

/** False for what was not told. */
export function known(value) {
  return value !== null && value !== undefined && value !== "";
}

/** A moment of the call (ms) as 1:23 or 1:02:03. */
export function clock(ms, tenths = false) {
  if (!known(ms)) return NONE;
  const whole = tenths ? Math.floor(Math.max(0, ms) / 100) / 10 : Math.floor(Math.max(0, ms) / 1000);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const seconds = (whole % 60).toFixed(tenths ? 1 : 0).padStart(tenths ? 4 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
}

/** A length of time (ms) as people say it, with as many digits as mean anything; never broken over lines. */
export function lasting(ms) {
  if (!known(ms)) return NONE;
  if (ms < 10) return `${ms.toFixed(ms < 1 ? 2 : 1)}\u00a0ms`;
  if (ms < 995) return `${Math.round(ms)}\u00a0ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(ms < 9_995 ? 2 : 1)}\u00a0s`;
  const seconds = Math.round(ms / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours ? `${hours}\u00a0h ${minutes}\u00a0min` : `${minutes}\u00a0min ${seconds % 60}\u00a0s`;
}

/** An amount in US dollars. */
export function usd(value) {
  if (!known(value)) return NONE;
  return `$${value.toFixed(value !== 0 && Math.abs(value) < 1 ? 4 : 2)}`;
}

/** A number with its noun. */
export function counted(number, one, many = `${one}s`) {
  return known(number) ? `${number.toLocaleString("en")} ${number === 1 ? one : many}` : NONE;
}

/** agent_hung_up -> agent hung up */
export function worded(name) {
  return known(name) ? String(name).replace(/[_.]/g, " ") : "";
}

/** The same with a large first letter. */
export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A size in bytes as MB. */
export function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

const DAY = { day: "numeric", month: "short", year: "numeric" };
const MOMENT = { ...DAY, weekday: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZoneName: "short" };

/** A moment in words; without a zone in the viewer's. Nothing for what is no moment. */
export function shownDate(iso, options, zone = undefined) {
  const at = new Date(iso ?? NaN);
  return Number.isNaN(at.getTime()) ? "" : at.toLocaleString("en-GB", { ...options, timeZone: zone });
}

/** Day and time with the zone named. */
export function moment(iso, zone = undefined) {
  return shownDate(iso, MOMENT, zone);
}

/** A day without its time. */
export function day(iso, zone = undefined) {
  return shownDate(iso, DAY, zone);
}

/** One line of it, and no more than so many letters. */
export function excerpt(text, most = 140) {
  const line = String(text ?? "").replace(/\s+/g, " ").trim();
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}

const JSON_TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** JSON in lines, every number and name as it was written; anything else as it is. */
export function pretty(text) {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  let depth = 0;
  let lines = "";
  for (const [token] of text.matchAll(JSON_TOKENS)) {
    const closes = token === "}" || token === "]";
    depth += token === "{" || token === "[" ? 1 : closes ? -1 : 0;
    if (depth > 20) return text;
    const line = `\n${"  ".repeat(depth)}`;
    if (closes) lines = /[{[]\s*$/.test(lines) ? lines.trimEnd() + token : lines + line + token;
    else if (token === ",") lines += token + line;
    else if (token === ":") lines += ": ";
    else lines += token === "{" || token === "[" ? token + line : token;
  }
  return lines;
}
