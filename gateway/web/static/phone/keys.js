// The keys of a telephone: which there are, what they sound like, which key of a keyboard they are.

const ROWS = [697, 770, 852, 941];
const COLUMNS = [1209, 1336, 1477];

export const KEYS = ["123", "456", "789", "*0#"].flatMap((row) => [...row]);
export const LETTERS = { 2: "ABC", 3: "DEF", 4: "GHI", 5: "JKL", 6: "MNO", 7: "PQRS", 8: "TUV", 9: "WXYZ" };

/** The two frequencies of a key, in Hz. */
export function tones(key) {
  const at = KEYS.indexOf(key);
  if (at < 0) throw new RangeError("no such key");
  return [ROWS[Math.floor(at / 3)], COLUMNS[at % 3]];
}

/** The telephone's key for a key of the keyboard, or null. */
export function keyOf(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return null;
  return KEYS.includes(event.key) ? event.key : null;
}
