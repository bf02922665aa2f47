// The playout buffer of a softphone and the marks in it: what a carrier's does, sample by sample.
//
// The rules are those of Twilio's Media Streams (websocket messages), as the twin has them in
// gateway/sim/twilio/playout.py: media is played in the order it came, a mark comes back when the
// audio before it has ended, or at once when there is none, `clear` empties the buffer and sends the
// waiting marks back, and of more than ten minutes of audio the excess is discarded.

const BYTES_PER_S = 8000;
export const CAP_BYTES = 10 * 60 * BYTES_PER_S;

/** Bytes of mu-law wait here until they are played. */
export class Playout {
  constructor(cap = CAP_BYTES) {
    this.cap = cap;
    this.heard = 0;
    this.cleared = 0;
    this.discarded = 0;
    this.outstanding = 0;
    this.chunks = [];
    this.head = 0; // how much of the first chunk was played
    this.marks = []; // {name, position}
  }

  /** A media message came; returns how many of its bytes were discarded. */
  audio(bytes) {
    const excess = Math.max(0, this.outstanding + bytes.length - this.cap);
    const accepted = excess ? bytes.subarray(0, bytes.length - excess) : bytes;
    this.discarded += excess;
    if (accepted.length) {
      this.chunks.push(accepted);
      this.outstanding += accepted.length;
    }
    return excess;
  }

  /** A mark came; returns the marks that go back now. */
  mark(name) {
    this.marks.push({ name, position: this.heard + this.cleared + this.outstanding });
    return this.due();
  }

  /** The next byte that is heard; -1 when there is none. */
  next() {
    if (!this.outstanding) return -1;
    const byte = this.chunks[0][this.head];
    this.heard += 1;
    this.outstanding -= 1;
    this.head += 1;
    if (this.head === this.chunks[0].length) {
      this.chunks.shift();
      this.head = 0;
    }
    return byte;
  }

  /** The marks that playback has passed. */
  due() {
    const names = [];
    while (this.marks.length && this.marks[0].position <= this.heard + this.cleared) {
      names.push(this.marks.shift().name);
    }
    return names;
  }

  /** What would have been heard next, at most so many bytes; nothing is played by it. */
  peek(most) {
    const found = [];
    for (let chunk = 0, at = this.head; chunk < this.chunks.length && found.length < most; ) {
      found.push(this.chunks[chunk][at]);
      at += 1;
      if (at === this.chunks[chunk].length) {
        chunk += 1;
        at = 0;
      }
    }
    return Uint8Array.from(found);
  }

  /** Empties the buffer; returns the marks that go back, in order. */
  clear() {
    const names = this.marks.map((mark) => mark.name);
    this.cleared += this.outstanding;
    this.outstanding = 0;
    this.chunks = [];
    this.head = 0;
    this.marks = [];
    return names;
  }
}
