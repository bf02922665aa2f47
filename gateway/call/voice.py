"""The agent's audio between the model's message and the ledger: whatever it is becomes mu-law.

Owns the conversion of the item that is being spoken, and the look at the first audio of a call
that tells whether it is what the session promised. Mu-law passes through untouched.
"""

from collections.abc import Callable

from gateway.core.ledger import Item
from gateway.core.sentinel import Sentinel
from gateway.core.transcode import Decoder, decoder


class Voice:
    """One call's agent audio, in the model's format, on its way to mu-law."""

    def __init__(self, wire_format: str, on_wrong: Callable[[str], None]) -> None:
        """``on_wrong(why)`` is called once when the audio surely is not what it should be."""
        self._format = wire_format
        self._converts = decoder(wire_format) is not None
        self._on_wrong = on_wrong
        self._sentinel: Sentinel | None = Sentinel(wire_format)
        self._wrong = False
        self._item: Item | None = None
        self._decoder: Decoder | None = None

    def payload(self, item: Item, audio: bytes) -> bytes:
        """The next audio of an item, as mu-law; nothing once it was found to be noise.

        An item's conversion knows no other item's.
        """
        if self._sentinel is not None:
            self._look(self._sentinel, audio)
        if self._wrong:
            return b""
        if not self._converts:
            return audio
        if item is not self._item:
            self._item, self._decoder = item, decoder(self._format)
        assert self._decoder is not None
        return self._decoder.feed(audio)

    def rest(self, item: Item) -> bytes:
        """What the conversion still held back of an item that is complete."""
        if item is not self._item or self._decoder is None:
            return b""
        last, self._item, self._decoder = self._decoder.flush(), None, None
        return last

    def length(self, audio: bytes) -> int:
        """How many mu-law bytes this audio would be; whole bytes, never too many."""
        return len(audio) // 6 if self._format == "audio/pcm" else len(audio)

    def _look(self, sentinel: Sentinel, audio: bytes) -> None:
        verdict = sentinel.hear(audio)
        if sentinel.decided:
            self._sentinel = None
        if verdict is not None:
            self._wrong = True
            self._on_wrong(f"the audio looks like {verdict}, not {self._format}")
