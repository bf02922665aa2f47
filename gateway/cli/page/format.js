// How values read, and how text becomes elements. Text is only ever put in as text.

const NONE = "–";

// Words by name, and none for a name that only means something to the language.
function table(words) {
  return Object.assign(Object.create(null), words);
}

function known(value) {
  return value !== null && value !== undefined && value !== "";
}

function clock(ms, tenths = false) {
  if (!known(ms)) return NONE;
  const whole = tenths ? Math.floor(Math.max(0, ms) / 100) / 10 : Math.floor(Math.max(0, ms) / 1000);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const seconds = (whole % 60).toFixed(tenths ? 1 : 0).padStart(tenths ? 4 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
}

// A length of time as people say it, with as many digits as mean anything; never broken over lines.
function lasting(ms) {
  if (!known(ms)) return NONE;
  if (ms < 10) return `${ms.toFixed(ms < 1 ? 2 : 1)}\u00a0ms`;
  if (ms < 995) return `${Math.round(ms)}\u00a0ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(ms < 9_995 ? 2 : 1)}\u00a0s`;
  const seconds = Math.round(ms / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours ? `${hours}\u00a0h ${minutes}\u00a0min` : `${minutes}\u00a0min ${seconds % 60}\u00a0s`;
}

function usd(value) {
  if (!known(value)) return NONE;
  return `$${value.toFixed(value !== 0 && Math.abs(value) < 1 ? 4 : 2)}`;
}

function counted(number, one, many = `${one}s`) {
  return known(number) ? `${number.toLocaleString("en")} ${number === 1 ? one : many}` : NONE;
}

// agent_hung_up -> agent hung up
function worded(name) {
  return known(name) ? String(name).replace(/[_.]/g, " ") : "";
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

const DAY = { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" };
const MOMENT = { ...DAY, weekday: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };

function shownDate(iso, options) {
  const at = new Date(iso ?? NaN);
  return Number.isNaN(at.getTime()) ? "" : at.toLocaleString("en-GB", options);
}

function moment(iso) {
  const shown = shownDate(iso, MOMENT);
  return shown && `${shown} UTC`;
}

function day(iso) {
  return shownDate(iso, DAY);
}

// One line of it, and no more than so many letters.
function excerpt(text, most = 140) {
  const line = String(text ?? "").replace(/\s+/g, " ").trim();
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}

const JSON_TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

// JSON in lines, every number and name as it was written; anything else as it is.
function pretty(text) {
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

function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter(known));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  drawing.append(use);
  return drawing;
}

function hidden(text) {
  return el("span", { class: "hidden" }, text);
}

function byId(id) {
  return document.getElementById(id);
}
