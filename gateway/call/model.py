"""The seam under the SDK: the stock model with our connection and one door for interruptions.

Overrides one private method of openai-agents 0.24, ``_create_websocket_connection`` (same signature
from 0.7 to 0.24), and the public ``send_event``. Everything else is the SDK's. The contract test of
this module pins it.
"""

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any, cast

from agents.realtime import openai_realtime
from agents.realtime.model_inputs import (
    RealtimeModelSendEvent,
    RealtimeModelSendInterrupt,
    RealtimeModelSendToolOutput,
)
from agents.realtime.openai_realtime import OpenAIRealtimeWebSocketModel
from pydantic import TypeAdapter

from gateway.call.link import ModelLink

UNUSED_BY_SDK = frozenset(
    {
        "conversation.item.done",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.truncated",
        "input_audio_buffer.cleared",
        "input_audio_buffer.committed",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "rate_limits.updated",
        "response.content_part.added",
        "response.content_part.done",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_audio_transcript.done",
    }
)
"""Events with which SDK 0.24 does nothing but show them raw, since it gets no audio: it would cut
off what it believes to be playing when the caller speaks. Measured: giving it all events takes a
third of the gateway's CPU time; these need not go there. The contract test holds the list.
"""

ONLY_FOR_GUARDRAILS = frozenset({"response.output_audio_transcript.delta"})
"""The most frequent event besides audio; without an output guardrail nothing depends on it (the
whole transcript comes with ``response.output_item.done``).
"""

ONLY_AHEAD = frozenset({"response.output_audio.done", "response.output_item.added"})
"""That an item has begun, still empty, and that its audio is made: the item itself comes with
``response.output_item.done``, and nobody but an output guardrail looks at it before (0.4 ms of the
loop of all calls each, measured).
"""

# SDK 0.24 builds a validator anew for every item of a conversation: a millisecond each (0.8
# measured), in which no call of the process is heard. One per type is enough (0.01).
setattr(openai_realtime, "TypeAdapter", cache(TypeAdapter))  # noqa: B010  it is a class to mypy

Dial = Callable[[str, Mapping[str, str]], Awaitable[ModelLink]]
"""Opens the link to an address with headers."""


class TelephonyModel(OpenAIRealtimeWebSocketModel):
    """The SDK's model on a phone line: audio never reaches it, interruptions go to the call."""

    def __init__(
        self,
        dial: Dial,
        interrupt: Callable[[RealtimeModelSendInterrupt], None],
        answers_itself: Callable[[str, str], bool],
    ) -> None:
        """``answers_itself(tool, output)`` is asked as an output leaves: False = no new answer."""
        super().__init__()
        self._dial = dial
        self._interrupt = interrupt
        self._answers_itself = answers_itself

    async def _create_websocket_connection(
        self, url: str, headers: dict[str, str], transport_config: Any = None
    ) -> Any:
        return cast(Any, await self._dial(url, headers))

    async def send_event(self, event: RealtimeModelSendEvent) -> None:
        """As the SDK's, but interruptions are the gateway's business (it knows what was heard)."""
        if isinstance(event, RealtimeModelSendInterrupt) and not event.cancel_response_only:
            self._interrupt(event)
            return
        if isinstance(event, RealtimeModelSendToolOutput) and event.start_response:
            speak = self._answers_itself(event.tool_call.name, event.output)
            event = dataclasses.replace(event, start_response=speak)
        await super().send_event(event)
