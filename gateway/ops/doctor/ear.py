"""What is heard at the carrier's end of a call: when, and whether it is a voice in mu-law."""

from gateway.call.recorded import phrase
from gateway.core.g711 import BYTES_PER_MS, FRAME_BYTES, level_dbfs, ms_of
from gateway.core.sentinel import Sentinel
from gateway.ops.doctor.finding import Wrong

ENOUGH_MS = 1500
"""Of a voice; then it is clear what it is."""
_AUDIBLE_DBFS = -45.0
_VOICE_MS = 200
"""A shorter sound is a click."""
_SAMPLE = slice(1600, 4800)
"""Of a recorded phrase: 0.4 s that nothing else sounds like."""
_HEADS = (b"RIFF", b"ID3", b".snd", b"OggS")


class Ear:
    """Plays what arrives as the carrier does, one after the other, and listens."""

    def __init__(self, began_s: float) -> None:
        self._began_s = began_s
        self._played_until_s = began_s
        self._rest = b""
        self._voice_ms = 0.0
        self._marks: list[tuple[float, str]] = []
        self.payload = b""
        self.messages = 0
        self.first_ms: float | None = None
        """When the first of it was heard, from the beginning; None before."""
        self.voice_ms: float | None = None
        """When a voice was heard first."""

    def audio(self, payload: bytes, now_s: float) -> None:
        """More to be played."""
        starts_s = max(now_s, self._played_until_s)
        self._played_until_s = starts_s + ms_of(len(payload)) / 1000
        self.messages += 1
        self.payload += payload
        if self.first_ms is None:
            self.first_ms = (starts_s - self._began_s) * 1000
        frames = self._rest + payload
        whole = len(frames) - len(frames) % FRAME_BYTES
        self._rest = frames[whole:]
        for at in range(0, whole, FRAME_BYTES):
            if level_dbfs(frames[at : at + FRAME_BYTES]) > _AUDIBLE_DBFS:
                self._voice_ms += FRAME_BYTES / BYTES_PER_MS
                if self.voice_ms is None and self._voice_ms >= _VOICE_MS:
                    self.voice_ms = (starts_s - self._began_s) * 1000

    def mark(self, name: str, now_s: float) -> None:
        """A mark, due when what came before it is played."""
        self._marks.append((max(now_s, self._played_until_s), name))

    def clear(self, now_s: float) -> None:
        """What is not played yet never is; its marks are due at once."""
        self._played_until_s = now_s
        self._marks = [(now_s, name) for _, name in self._marks]

    def due(self, now_s: float) -> list[str]:
        """Marks to return by now."""
        due = [name for at_s, name in self._marks if at_s <= now_s]
        self._marks = [(at_s, name) for at_s, name in self._marks if at_s > now_s]
        return due

    @property
    def enough(self) -> bool:
        """True when nothing more needs to be heard."""
        return self._voice_ms >= ENOUGH_MS


def judged(ear: Ear, limit_s: float, call_sid: str) -> str:
    """What was heard, in words. Raises Wrong for silence, noise and apologies."""
    shown = f"see `gateway calls show {call_sid}` and the gateway's log"
    if ear.first_ms is None:
        raise Wrong(f"nothing was heard within {limit_s:g} s", f"{shown}: the model does not speak")
    if ear.payload.startswith(_HEADS):
        raise Wrong(
            "the audio begins with a file's header: callers hear a click or noise",
            "use raw mu-law files (8 kHz, no header) for greetings",
        )
    for name in ("apology", "goodbye"):
        if phrase(name)[_SAMPLE] in ear.payload:
            raise Wrong(f"callers hear the gateway's own {name}, no agent", shown)
    if wrong := Sentinel("audio/pcmu").hear(ear.payload):
        raise Wrong(
            f"the audio sounds like {wrong}, not like mu-law: callers hear a roar",
            "set output_audio_format of the agent to g711_ulaw, and see that the model server "
            "obeys it",
        )
    if ear.voice_ms is None:
        raise Wrong(
            f"{ms_of(len(ear.payload)) / 1000:.1f} s of audio came, and it is silence",
            "see the agent's greeting_audio or voice",
        )
    return (
        f"heard {ear.voice_ms / 1000:.1f} s after the stream began: mu-law, "
        f"{level_dbfs(ear.payload):.0f} dBFS"
    )
