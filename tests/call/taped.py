"""A call without wires whose two sides can be heard: its caller is in the test's hands."""

from gateway.call.downstream import Downstream
from gateway.call.taps import Taps
from gateway.call.wiretap import News, Wiretap
from tests.call.calls import media
from tests.call.carriers import SilentCarrier, start
from tests.call.talk import Talk


class Ear:
    """One who listens, and remembers."""

    def __init__(self) -> None:
        self.stereo = b""
        self.news: list[str] = []
        self.at_ms: list[float] = []

    def audio(self, stereo: bytes) -> None:
        self.stereo += stereo

    def told(self, news: News, at_ms: float) -> None:
        self.news.append(news)
        self.at_ms.append(at_ms)

    def ended(self, reason: str) -> None:
        self.news.append(f"ended: {reason}")

    @property
    def caller(self) -> bytes:
        """The left channel."""
        return self.stereo[0::2]

    @property
    def agent(self) -> bytes:
        """The right channel."""
        return self.stereo[1::2]


class Taped:
    """The audio path of one call, its taps and who listens."""

    def __init__(self) -> None:
        self.talk = Talk()
        self.carrier = SilentCarrier()
        self.downstream = Downstream(
            self.talk.dialogue,
            self.talk.dialogue.emit,
            say=lambda text: None,
            on_key=lambda: None,
            on_gone=lambda reason: None,
        )
        self.taps = Taps(self.talk.dialogue, self.downstream.microphone)
        self.wiretap = Wiretap(self.taps)
        self.talk.also = self.wiretap.hear
        self._at_ms = 0

    def answer(self) -> None:
        """A stream opens."""
        self._at_ms = 0
        self.downstream.attach(start(), self.carrier)

    def part(self) -> None:
        """The stream is given up."""
        self.wiretap.part()
        self.downstream.part()

    def say(self, letter: bytes, frames: int = 1) -> None:
        """The caller sends frames of one byte."""
        for _ in range(frames):
            self.downstream.carrier_frame(media(letter * 160, self._at_ms))
            self._at_ms += 20

    def close(self) -> None:
        """The call is over."""
        self.wiretap.close("test_over")
        self.downstream.close()

    @property
    def slots(self) -> list[object]:
        """Who is told on the audio path: of the caller's side, of the agent's."""
        return [self.downstream.microphone.tape, self.talk.dialogue.outbound.tape]

    @property
    def kinds(self) -> list[type]:
        """What they are."""
        return [type(each) for each in self.slots]
