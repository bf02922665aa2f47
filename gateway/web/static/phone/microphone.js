// The person's microphone: asked for, lost, chosen again. A line goes on without one.

const WHY = {
  NotAllowedError: "The microphone is not allowed here. Allow it in the browser’s address bar, then choose a device.",
  SecurityError: "The microphone is not allowed here. Allow it in the browser’s address bar, then choose a device.",
  NotFoundError: "There is no microphone.",
  OverconstrainedError: "That microphone is not there any more.",
  NotReadableError: "The microphone is there, but another application or the system keeps it.",
  AbortError: "The microphone did not start.",
};
const INSECURE =
  "Browsers give the microphone to secure pages only: open the gateway by https, or on its own machine as http://localhost.";

/** Why there can be no microphone on this page at all; empty when there can. */
export function whyNever() {
  return isSecureContext && navigator.mediaDevices?.getUserMedia ? "" : INSECURE;
}

/** In words for the person, why the browser gave no microphone. */
export function whyNot(error) {
  return WHY[error?.name] ?? "The microphone cannot be used.";
}

/** One microphone at a time. */
export class Microphone {
  /** @param {(stream: MediaStream | null, why: string) => void} changed is told what there is now */
  constructor(changed) {
    this.changed = changed;
    this.stream = null;
    this.asked = 0;
  }

  /** Asks for a device; without an ID, the usual one. */
  async open(deviceId = "") {
    const never = whyNever();
    if (never) {
      this.changed(null, never);
      return;
    }
    this.asked += 1;
    const asked = this.asked;
    const audio = {
      channelCount: 1,
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
      ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
    };
    let stream = null;
    let why = "";
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      why = whyNot(error);
    }
    if (asked !== this.asked) {
      stop(stream);
      return;
    }
    this.put(stream, why);
  }

  put(stream, why) {
    stop(this.stream);
    this.stream = stream;
    const [track] = stream?.getAudioTracks() ?? [];
    if (track) {
      track.onended = () => {
        if (this.stream === stream) this.put(null, "The microphone was lost. The call goes on; choose another device.");
      };
    }
    this.changed(stream, why);
  }

  /** Lets go of it. */
  close() {
    this.asked += 1;
    stop(this.stream);
    this.stream = null;
  }

  /** The ID of the device in use; empty when there is none. */
  get deviceId() {
    return this.stream?.getAudioTracks()[0]?.getSettings().deviceId ?? "";
  }
}

/** The devices that can be chosen: {inputs, outputs}, each {id, label}. */
export async function devices() {
  if (whyNever()) return { inputs: [], outputs: [] };
  const found = await navigator.mediaDevices.enumerateDevices();
  const of = (kind, name) =>
    found
      .filter((each) => each.kind === kind && each.deviceId)
      .map((each, at) => ({ id: each.deviceId, label: each.label || `${name} ${at + 1}` }));
  return { inputs: of("audioinput", "Microphone"), outputs: of("audiooutput", "Loudspeaker") };
}

function stop(stream) {
  for (const track of stream?.getTracks() ?? []) {
    track.onended = null;
    track.stop();
  }
}
