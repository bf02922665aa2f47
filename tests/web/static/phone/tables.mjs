// What mulaw.js makes of every sample and every byte, as JSON.

import { decode, encode, fromFloat } from "../../../../gateway/web/static/phone/mulaw.js";

const samples = Array.from({ length: 65536 }, (_, at) => at - 32768);
console.log(
  JSON.stringify({
    encoded: Buffer.from(samples.map(encode)).toString("base64"),
    decoded: Array.from({ length: 256 }, (_, byte) => decode(byte)),
    floats: [-2, -1, 0, 1, 2, 0.5].map(fromFloat),
  }),
);
