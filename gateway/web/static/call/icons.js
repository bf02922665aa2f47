// The drawings: shapes on a field of 24 by 24, in the colour of the text around them.

const stroked = (width) => ({ fill: "none", stroke: "currentColor", "stroke-width": width, "stroke-linecap": "round", "stroke-linejoin": "round" });
const filled = { fill: "currentColor" };

/** Shapes by name. */
export const SHAPES = Object.assign(Object.create(null), {
  play: [["path", { d: "M8 5.2v13.6a.8.8 0 0 0 1.2.7l11-6.8a.8.8 0 0 0 0-1.4l-11-6.8a.8.8 0 0 0-1.2.7z", ...filled }]],
  pause: [["path", { d: "M7 5h3.6v14H7zM13.4 5H17v14h-3.6z", ...filled }]],
  theme: [["circle", { cx: 12, cy: 12, r: 8.2, ...stroked(1.7) }], ["path", { d: "M12 3.8a8.2 8.2 0 0 1 0 16.4z", ...filled }]],
  tool: [["path", { d: "M14.6 6.2a4.6 4.6 0 0 0-6 5.8l-5 5a1.9 1.9 0 0 0 2.7 2.7l5-5a4.6 4.6 0 0 0 5.8-6l-2.7 2.7-2.4-.6-.6-2.4z", ...stroked(1.7) }]],
  handoff: [["path", { d: "M6 21V4m0 1h11.5l-2.6 3.6 2.6 3.6H6", ...stroked(1.8) }]],
  guardrail: [["path", { d: "M12 3.5l7 2.6v5.4c0 4.3-2.9 7.5-7 9-4.1-1.5-7-4.7-7-9V6.1z", ...stroked(1.8) }]],
  keys: [["path", { d: "M6 6h2.6v2.6H6zm4.7 0h2.6v2.6h-2.6zm4.7 0H18v2.6h-2.6zM6 10.7h2.6v2.6H6zm4.7 0h2.6v2.6h-2.6zm4.7 0H18v2.6h-2.6zM10.7 15.4h2.6V18h-2.6z", ...filled }]],
  idle: [["circle", { cx: 12, cy: 12, r: 7.5, ...stroked(1.7) }], ["path", { d: "M12 7.8V12l2.8 2", ...stroked(1.7) }]],
  person: [["circle", { cx: 12, cy: 8.5, r: 3.6, ...stroked(1.7) }], ["path", { d: "M5 19.5c.8-3.7 3.6-5.3 7-5.3s6.2 1.6 7 5.3", ...stroked(1.7) }]],
  transfer: [["path", { d: "M5 12h13m-5-5.5 5.5 5.5-5.5 5.5", ...stroked(1.8) }]],
  dot: [["circle", { cx: 12, cy: 12, r: 3.2, ...filled }]],
  cut: [["path", { d: "M6.5 6.5l11 11m0-11l-11 11", ...stroked(2) }]],
  phone: [["path", { d: "M7 3.8h3l1.4 4-2 1.5a11 11 0 0 0 5.3 5.3l1.5-2 4 1.4v3a2 2 0 0 1-2.2 2A16 16 0 0 1 5 6a2 2 0 0 1 2-2.2z", ...stroked(1.7) }]],
  live: [["path", { d: "M4 12h3l2.5-7 5 14L17 12h3", ...stroked(1.7) }]],
  history: [["path", { d: "M4 6h16M4 12h16M4 18h10", ...stroked(1.7) }]],
  agents: [["path", { d: "M5 9a2 2 0 0 1 2-2h10a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2H7a2 2 0 0 1-2-2zM12 7V4M9.2 12v1M14.8 12v1", ...stroked(1.7) }]],
  numbers: [["path", { d: "M9.5 4l-2 16M16.5 4l-2 16M4.5 9h16M3.5 15h16", ...stroked(1.7) }]],
  out: [["path", { d: "M5 19L19 5M9 5h10v10", ...stroked(1.7) }]],
  health: [["path", { d: "M12 19.5C4.5 14.6 4 11 4.3 9.2A4 4 0 0 1 12 7.8a4 4 0 0 1 7.7 1.4c.3 1.8-.2 5.4-7.7 10.3z", ...stroked(1.7) }]],
  audit: [["path", { d: "M7 4h7l4 4v12H7zM14 4v4h4M10 12.5h5M10 16h5", ...stroked(1.7) }]],
  listen: [["path", { d: "M5 15v-2.5a7 7 0 0 1 14 0V15M5 14h2.5v5H6a1 1 0 0 1-1-1zM19 14h-2.5v5H18a1 1 0 0 0 1-1z", ...stroked(1.7) }]],
  whisper: [["path", { d: "M4 6.5h16v10H11l-4 3.5v-3.5H4z", ...stroked(1.7) }]],
  hangup: [["path", { d: "M3.5 14.5c4.5-5 12.5-5 17 0l-1.8 2.2-4.2-1.5v-2.1a12 12 0 0 0-5 0v2.1l-4.2 1.5z", ...stroked(1.7) }]],
  menu: [["path", { d: "M4 7h16M4 12h16M4 17h16", ...stroked(1.7) }]],
  check: [["path", { d: "M5 12.5l4.5 4.5L19 7.5", ...stroked(1.7) }]],
  mic: [["path", { d: "M12 4a2.5 2.5 0 0 1 2.5 2.5v5a2.5 2.5 0 0 1-5 0v-5A2.5 2.5 0 0 1 12 4zM6.5 11.5a5.5 5.5 0 0 0 11 0M12 17v3", ...stroked(1.7) }]],
  warn: [["path", { d: "M12 4.5l8.5 15h-17zM12 10v4.5M12 17v.2", ...stroked(1.7) }]],
  down: [["path", { d: "M12 4.5v10m-4.5-4l4.5 4.5 4.5-4.5M5 19.5h14", ...stroked(1.7) }]],
});
