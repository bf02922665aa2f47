// The resampler: flat in the telephone band, nothing beside it, the same in any cut of the stream.

import assert from "node:assert/strict";
import test from "node:test";
import { Resampler } from "../../../../gateway/web/static/phone/resample.js";

const RATES = [8000, 16000, 22050, 44100, 48000, 96000];

function sine(hz, rate, seconds) {
  return Float32Array.from({ length: Math.round(rate * seconds) }, (_, at) => 0.5 * Math.sin((2 * Math.PI * hz * at) / rate));
}

// The level of one frequency in a signal, in dB below the 0.5 that went in; the ends are left out.
function level(signal, hz, rate) {
  const from = Math.floor(signal.length * 0.2);
  const to = Math.floor(signal.length * 0.8);
  let [re, im, sum] = [0, 0, 0];
  for (let at = from; at < to; at += 1) {
    const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * (at - from)) / (to - from));
    const angle = (2 * Math.PI * hz * at) / rate;
    re += window * signal[at] * Math.cos(angle);
    im += window * signal[at] * Math.sin(angle);
    sum += window;
  }
  return 20 * Math.log10(Math.max(1e-12, (2 * Math.hypot(re, im)) / sum / 0.5));
}

function down(signal, rate) {
  const resampler = new Resampler(rate, 8000);
  const out = [];
  resampler.feed(signal, (sample) => out.push(sample));
  return Float32Array.from(out);
}

function up(signal, rate) {
  const resampler = new Resampler(8000, rate);
  let at = 0;
  const out = new Float32Array(Math.floor((signal.length * rate) / 8000));
  resampler.fill(out, () => (at < signal.length ? signal[at++] : 0));
  return out;
}

for (const rate of RATES) {
  test(`from ${rate} Hz down, the telephone band passes within 0.1 dB`, () => {
    for (const hz of [100, 300, 1000, 2500, 3400]) {
      const found = level(down(sine(hz, rate, 0.5), rate), hz, 8000);
      assert.ok(Math.abs(found) < 0.1, `${hz} Hz: ${found.toFixed(2)} dB`);
    }
  });

  test(`to ${rate} Hz up, the telephone band passes within 0.1 dB`, () => {
    for (const hz of [100, 300, 1000, 2500, 3400]) {
      const found = level(up(sine(hz, 8000, 0.5), rate), hz, rate);
      assert.ok(Math.abs(found) < 0.1, `${hz} Hz: ${found.toFixed(2)} dB`);
    }
  });
}

for (const rate of RATES.filter((each) => each > 8000)) {
  test(`from ${rate} Hz down, nothing folds into the voice`, () => {
    for (const hz of [4100, 4600, 5000, 6000, 7000, 7700].filter((each) => each < rate / 2)) {
      const folded = Math.abs(hz - 8000 * Math.round(hz / 8000));
      const found = level(down(sine(hz, rate, 0.5), rate), folded, 8000);
      assert.ok(found < -65, `${hz} Hz comes as ${folded} Hz at ${found.toFixed(1)} dB`);
    }
  });

  test(`to ${rate} Hz up, there are no images`, () => {
    for (const hz of [300, 1000, 3000, 3400]) {
      const signal = up(sine(hz, 8000, 0.5), rate);
      for (const image of [8000 - hz, 8000 + hz, 16000 - hz].filter((each) => each < rate / 2)) {
        const found = level(signal, image, rate);
        assert.ok(found < -65, `${hz} Hz has an image at ${image} Hz: ${found.toFixed(1)} dB`);
      }
    }
  });
}

test("the stream may be cut anywhere", () => {
  const signal = sine(440, 48000, 0.1);
  const whole = down(signal, 48000);
  const resampler = new Resampler(48000, 8000);
  const parts = [];
  for (let at = 0; at < signal.length; at += 128) resampler.feed(signal.subarray(at, at + 128), (sample) => parts.push(sample));
  assert.deepEqual(Float32Array.from(parts), whole);
  assert.equal(whole.length, 800);
});

test("upwards as many samples are asked for as time has passed", () => {
  for (const rate of RATES) {
    let asked = 0;
    new Resampler(8000, rate).fill(new Float32Array(rate), () => {
      asked += 1;
      return 0;
    });
    assert.equal(asked, 8000);
  }
});

test("the delay is what it says", () => {
  for (const rate of RATES) {
    const impulse = new Float32Array(rate);
    impulse[rate / 2] = 1;
    const out = down(impulse, rate);
    const resampler = new Resampler(rate, 8000);
    const peak = out.indexOf(Math.max(...out));
    const late = peak / 8000 - 0.5;
    assert.ok(Math.abs(late - resampler.delay) <= 1 / 8000, `${rate} Hz: ${late} s`);
    assert.ok(resampler.delay < 0.0045);
  }
});
