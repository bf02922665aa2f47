// What the browser remembers for the viewer; none of it matters when it cannot.

/** A text kept under a name, null when there is none. */
export function kept(name) {
  try {
    return localStorage.getItem(`gateway.${name}`);
  } catch {
    return null;
  }
}

/** Keeps a text under a name. */
export function keep(name, text) {
  try {
    localStorage.setItem(`gateway.${name}`, text);
  } catch {
    // A browser that keeps nothing shows what it shows everybody.
  }
}
