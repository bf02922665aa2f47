// Bytes into whole frames of 20 ms.

export const FRAME_BYTES = 160;

/** Collects bytes; `emit(frame)` is called with each 160 of them. */
export class Framer {
  constructor(emit) {
    this.emit = emit;
    this.frame = new Uint8Array(FRAME_BYTES);
    this.filled = 0;
  }

  push(byte) {
    this.frame[this.filled] = byte;
    this.filled += 1;
    if (this.filled === FRAME_BYTES) {
      this.emit(this.frame);
      this.frame = new Uint8Array(FRAME_BYTES);
      this.filled = 0;
    }
  }
}
