// G.711 mu-law, the carrier's format: 8 bits of a 14-bit sample. Tables, made once.

const BIAS = 33;
const CLIP = 8159;
const ENDS = [0x3f, 0x7f, 0xff, 0x1ff, 0x3ff, 0x7ff, 0xfff, 0x1fff];

export const SILENCE = 0xff;

function encoded(sample) {
  let value = sample >> 2;
  const mask = value < 0 ? 0x7f : 0xff;
  value = Math.min(Math.abs(value), CLIP) + BIAS;
  const segment = ENDS.findIndex((end) => value <= end);
  if (segment < 0) return 0x7f ^ mask; // the loudest
  return ((segment << 4) | ((value >> (segment + 1)) & 0xf)) ^ mask;
}

function decoded(byte) {
  const flipped = ~byte & 0xff;
  const magnitude = ((((flipped & 0xf) << 3) + 0x84) << ((flipped & 0x70) >> 4)) - 0x84;
  return flipped & 0x80 ? -magnitude : magnitude;
}

const ENCODE = Uint8Array.from({ length: 65536 }, (_, at) => encoded((at << 16) >> 16));
const DECODE = Int16Array.from({ length: 256 }, (_, byte) => decoded(byte));

/** One 16-bit sample as mu-law. */
export function encode(sample) {
  return ENCODE[sample & 0xffff];
}

/** One byte of mu-law as a 16-bit sample. */
export function decode(byte) {
  return DECODE[byte];
}

/** A sample from -1 to 1 as mu-law; what is louder is cut off. */
export function fromFloat(sample) {
  const scaled = Math.round(sample * 32767);
  return ENCODE[Math.max(-32768, Math.min(32767, scaled)) & 0xffff];
}

/** One byte of mu-law as a sample from -1 to 1. */
export function toFloat(byte) {
  return DECODE[byte] / 32768;
}
