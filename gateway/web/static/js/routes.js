// All pages: where each is, who may open it, what it is called.

/**
 * `nav` stands in the navigation; `role` is the least that opens the page; `load` fetches it when it
 * is asked for.
 */
export const ROUTES = [
  { path: "/", nav: "Live calls", icon: "live", title: "Live calls", role: "viewer", load: () => import("./pages/calls.js") },
  { path: "/calls/:sid", title: "Call", role: "viewer", load: () => import("./pages/call.js") },
  { path: "/history", nav: "History", icon: "history", title: "History", role: "viewer", load: () => import("./pages/history.js") },
  { path: "/phone", nav: "Softphone", icon: "mic", title: "Softphone", role: "operator", load: () => import("./pages/phone.js") },
  { path: "/call", nav: "Place a call", icon: "out", title: "Place a call", role: "operator", load: () => import("./pages/outbound.js") },
  { path: "/agents", nav: "Agents", icon: "agents", title: "Agents", role: "viewer", load: () => import("./pages/agents.js") },
  { path: "/numbers", nav: "Numbers", icon: "numbers", title: "Numbers", role: "viewer", load: () => import("./pages/numbers.js") },
  { path: "/health", nav: "Health", icon: "health", title: "Load and health", role: "viewer", load: () => import("./pages/health.js") },
  { path: "/audit", nav: "Audit trail", icon: "audit", title: "Audit trail", role: "admin", load: () => import("./pages/audit.js") },
  { path: "/signin", title: "Sign in", role: null, load: () => import("./pages/signin.js") },
];
