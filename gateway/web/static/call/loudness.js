// How loud a track is where, as the drawing needs it.

/** How loud the loudest moments of a track are: what the drawing calls full height. */
export function reference(track) {
  const counts = new Uint32Array(256);
  for (const value of track) counts[value] += 1;
  let left = Math.max(1, Math.floor(track.length * 0.004));
  for (let value = 255; value > 0; value -= 1) {
    left -= counts[value];
    if (left <= 0) return Math.max(value, 12);
  }
  return 255;
}

/** Between the loudest and the usual: a long call keeps its shape when it is drawn small. */
export function loudness(track, from, to) {
  const first = Math.max(0, Math.floor(from));
  const last = Math.min(track.length, Math.max(first + 1, Math.ceil(to)));
  if (to <= 0 || first >= last) return 0;
  let most = 0;
  let energy = 0;
  for (let at = first; at < last; at += 1) {
    most = Math.max(most, track[at]);
    energy += track[at] * track[at];
  }
  return (most + Math.sqrt(energy / (last - first))) / 2;
}
