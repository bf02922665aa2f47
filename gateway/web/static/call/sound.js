// What is to be said of a call's recording.

import { day, known, megabytes, table, worded } from "./words.js";

const WHY_SILENT = table({
  declined: "There is no recording: the caller did not want to be recorded.",
  withdrawn: "There is no recording: the caller took the consent back.",
});

/** One sentence on the recording: none, why, or what is missing of it. */
export function soundNote(call) {
  const { missing, bytes } = call.sound;
  if (missing === "large") {
    const kept = known(call.recording) ? ` (the gateway keeps it as ${call.recording})` : "";
    return `The recording is too large for this page (${megabytes(bytes)}). “gateway calls export ${call.call_sid ?? ""} --audio” writes it to a file${kept}; choose that file to listen.`;
  }
  if (missing === "unreadable") return "The recording could not be read: it is no stereo WAV file.";
  if (!missing) {
    return known(call.recording_incomplete)
      ? `A part of the recording is missing: ${worded(call.recording_incomplete)}.`
      : "";
  }
  if (WHY_SILENT[call.consent]) return WHY_SILENT[call.consent];
  if (known(call.recording_purged_at)) {
    return `The recording was deleted on ${day(call.recording_purged_at)}.`;
  }
  return known(call.recording)
    ? `The recording ${call.recording} was not at hand when this page was made.`
    : "This call was not recorded.";
}
