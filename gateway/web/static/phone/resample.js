// From one sampling rate to another, without clicks between blocks: a windowed sinc in phases.
//
// One end is always the telephone's 8 kHz, so the filter is: flat to 3.4 kHz, nothing from 4 kHz on
// (70 dB down). Downwards that keeps what is above from folding into the voice, upwards it takes the
// images out. It delays by 3.6 ms, half its length.

const PASS_HZ = 3400;
const STOP_HZ = 4000;
const DOWN_DB = 70;

function divisor(a, b) {
  return b ? divisor(b, a % b) : a;
}

// The modified Bessel function of order 0.
function bessel(x) {
  let sum = 1;
  let term = 1;
  for (let n = 1; term > sum * 1e-12; n += 1) {
    term *= (x / (2 * n)) ** 2;
    sum += term;
  }
  return sum;
}

// The filter at `rate`, with a whole number of taps per phase; its sum is `phases`.
function lowPass(rate, phases) {
  const width = (2 * Math.PI * (STOP_HZ - PASS_HZ)) / rate;
  const least = (DOWN_DB - 7.95) / (2.285 * width) + 1;
  const length = Math.ceil(least / phases) * phases;
  const beta = 0.1102 * (DOWN_DB - 8.7);
  const cutoff = (PASS_HZ + STOP_HZ) / rate; // of half the rate
  const middle = (length - 1) / 2;
  const taps = new Float64Array(length);
  let sum = 0;
  for (let at = 0; at < length; at += 1) {
    const x = at - middle;
    const sinc = x === 0 ? cutoff : Math.sin(Math.PI * cutoff * x) / (Math.PI * x);
    taps[at] = sinc * bessel(beta * Math.sqrt(1 - (x / (middle + 0.5)) ** 2));
    sum += taps[at];
  }
  return taps.map((tap) => (tap * phases) / sum);
}

/** Resamples a stream of samples; both rates are whole Hz, one of them 8000. */
export class Resampler {
  constructor(from, to) {
    const common = divisor(from, to);
    this.up = to / common;
    this.down = from / common;
    const taps = lowPass(from * this.up, this.up);
    this.perPhase = taps.length / this.up;
    // By phase, newest sample first, so that the inner loop runs straight through memory.
    this.phases = Array.from({ length: this.up }, (_, phase) =>
      Float32Array.from({ length: this.perPhase }, (__, at) => taps[phase + at * this.up]),
    );
    this.past = new Float32Array(this.perPhase);
    this.newest = 0; // in `past`, a ring
    this.phase = this.up; // from `up` on, another sample has to go in
    /** How much later a sample comes out than it went in, in seconds. */
    this.delay = (taps.length - 1) / 2 / (from * this.up);
  }

  /** One sample goes in. */
  push(sample) {
    this.newest = this.newest === 0 ? this.perPhase - 1 : this.newest - 1;
    this.past[this.newest] = sample;
  }

  /** The sum of the filter over the newest samples, for the present phase. */
  value() {
    const taps = this.phases[this.phase];
    const { past, newest, perPhase } = this;
    const straight = perPhase - newest;
    let sum = 0;
    for (let at = 0; at < straight; at += 1) sum += taps[at] * past[newest + at];
    for (let at = straight; at < perPhase; at += 1) sum += taps[at] * past[at - straight];
    return sum;
  }

  /** Fills `out`, asking `pull()` for each sample that goes in: for a side that needs so many. */
  fill(out, pull) {
    for (let at = 0; at < out.length; at += 1) {
      while (this.phase >= this.up) {
        this.phase -= this.up;
        this.push(pull());
      }
      out[at] = this.value();
      this.phase += this.down;
    }
  }

  /** Takes all of `block`, giving `emit(sample)` what comes out: for a side that has so many. */
  feed(block, emit) {
    for (const sample of block) {
      this.phase -= this.up;
      this.push(sample);
      while (this.phase < this.up) {
        emit(this.value());
        this.phase += this.down;
      }
    }
  }
}
