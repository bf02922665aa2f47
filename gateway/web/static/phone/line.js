// The browser's end of a line: the audio context, the worklet in it, what it is connected with.

const WORKLET = new URL("./worklet.js", import.meta.url);

/** A line that makes frames and plays audio from when it is opened until it is closed. */
export class Line {
  /**
   * Needs a gesture of the person's: browsers make no sound without one.
   * @param {(message: object) => void} hear gets `frame`, `mark`, `silent`, `discarded`, and `slept`
   */
  static async open(hear) {
    const context = new AudioContext({ latencyHint: "interactive" });
    try {
      await context.audioWorklet.addModule(WORKLET);
      await context.resume();
      return new Line(context, hear);
    } catch (error) {
      await context.close();
      throw error;
    }
  }

  constructor(context, hear) {
    this.context = context;
    this.source = null;
    this.node = new AudioWorkletNode(context, "line", {
      numberOfInputs: 1,
      numberOfOutputs: 1,
      outputChannelCount: [1],
      channelCount: 1,
      channelCountMode: "explicit",
    });
    this.gain = new GainNode(context);
    this.node.connect(this.gain).connect(context.destination);
    this.node.port.onmessage = (event) => hear(event.data);
    // A context that sleeps (the machine does, or another application has the device) makes no
    // frames; who listens is told how long that was.
    let slept = null;
    context.onstatechange = () => {
      if (context.state === "running" && slept !== null) hear({ type: "slept", ms: performance.now() - slept });
      slept = context.state === "running" ? null : performance.now();
      if (context.state === "suspended") context.resume().catch(() => {});
    };
  }

  /** Frames are made from now on. */
  start() {
    this.node.port.postMessage({ type: "open" });
  }

  /** No frames any more; what is playing is cut off. */
  stop() {
    this.node.port.postMessage({ type: "close" });
  }

  audio(bytes) {
    this.node.port.postMessage({ type: "audio", bytes }, [bytes.buffer]);
  }

  mark(name) {
    this.node.port.postMessage({ type: "mark", name });
  }

  clear() {
    this.node.port.postMessage({ type: "clear" });
  }

  mute(on) {
    this.node.port.postMessage({ type: "mute", on });
  }

  volume(share) {
    this.gain.gain.setTargetAtTime(share, this.context.currentTime, 0.01);
  }

  /** The microphone's stream from now on; null = none, and silence. */
  listenTo(stream) {
    this.source?.disconnect();
    this.source = stream ? new MediaStreamAudioSourceNode(this.context, { mediaStream: stream }) : null;
    this.source?.connect(this.node);
  }

  /** True where the output device can be chosen. */
  static get canChooseOutput() {
    return "setSinkId" in AudioContext.prototype;
  }

  async playThrough(deviceId) {
    await this.context.setSinkId(deviceId);
  }

  /** Two tones for the person's own ear, as a key of a telephone makes. */
  beep(frequencies, seconds = 0.12) {
    const { context } = this;
    const end = context.currentTime + seconds;
    const level = new GainNode(context, { gain: 0.05 });
    level.gain.setTargetAtTime(0, end - 0.02, 0.005);
    level.connect(context.destination);
    for (const frequency of frequencies) {
      const tone = new OscillatorNode(context, { frequency });
      tone.connect(level);
      tone.onended = () => level.disconnect();
      tone.start();
      tone.stop(end);
    }
  }

  async close() {
    this.node.port.postMessage({ type: "end" });
    this.context.onstatechange = null;
    this.listenTo(null);
    await this.context.close();
  }
}
