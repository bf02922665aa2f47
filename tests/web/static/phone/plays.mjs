// What playout.js does in the stories on standard input, step by step, as JSON.

import { readFileSync } from "node:fs";
import { Playout } from "../../../../gateway/web/static/phone/playout.js";

const stories = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(stories.map(({ cap, steps }) => played(new Playout(cap), steps))));

function played(playout, steps) {
  let number = 0;
  return steps.map(([what, given]) => {
    const heard = [];
    let marks = [];
    if (what === "audio") {
      playout.audio(Uint8Array.from({ length: given }, () => number++ & 0xff));
    } else if (what === "mark") {
      marks = playout.mark(given);
    } else if (what === "clear") {
      marks = playout.clear();
    } else {
      for (let sample = 0; sample < given; sample += 1) {
        const byte = playout.next();
        if (byte >= 0) heard.push(byte);
        marks.push(...playout.due());
      }
    }
    return [marks, heard, playout.heard, playout.cleared, playout.discarded, playout.outstanding];
  });
}
