"""Owns what each client event does to a session: one function per type, found in one table."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from gateway.sim.realtime import errors, shapes
from gateway.sim.realtime.conversation import Item
from gateway.sim.realtime.items import client_item, decode_audio

if TYPE_CHECKING:
    from gateway.sim.realtime.session import Session

Event = dict[str, Any]


def event_id_of(event: Event) -> str | None:
    """The client's own id, which errors repeat."""
    event_id = event.get("event_id")
    return event_id if isinstance(event_id, str) else None


async def handle(session: "Session", event: Event) -> None:
    """Checks the event's shape and acts on it; raises the fault to answer with."""
    if "type" not in event:
        raise errors.missing_parameter("type")
    kind = event["type"]
    shape = shapes.CLIENT_EVENTS.get(kind) if isinstance(kind, str) else None
    if shape is None:
        if kind in shapes.FOREIGN_EVENT_TYPES:
            raise errors.foreign_event(kind)
        raise errors.invalid_value(kind, "type", shapes.CLIENT_EVENT_TYPES)
    shape(event, "")
    if "event_id" in event and event_id_of(event) is None:
        raise errors.invalid_type("event_id", "a string", event["event_id"])
    act = _HANDLERS[kind](session, event)
    if act is not None:
        await act


async def _update_session(session: "Session", event: Event) -> None:
    # Read and answered in order: what comes behind an update meets the new configuration.
    await asyncio.sleep(session.options.update_delay_ms / 1000)
    session.config.update(
        event["session"],
        has_audio=session.conversation.has_assistant_audio,
        busy=session.responses.active is not None,
        keep_formats=session.options.ignore_format,
    )
    session.caller.configure()
    session.emit("session.updated", session=session.config.wire())


def _append(session: "Session", event: Event) -> None:
    data = decode_audio(event["audio"], session.config.input_format)
    if session.options.keep_audio:
        session.input_audio += data
    session.caller.append(data)


def _commit(session: "Session", event: Event) -> None:
    session.caller.commit()


def _clear(session: "Session", event: Event) -> None:
    session.caller.clear()


def _create_item(session: "Session", event: Event) -> None:
    item = client_item(event["item"], session.config.input_format, session.new_id)
    session.conversation.insert(item, event.get("previous_item_id"))
    session.emit_item(item)
    _tell_director(session, item)


def _tell_director(session: "Session", item: Item) -> None:
    director = session.director
    if item.type == "function_call_output":
        name = session.conversation.call_name(item.call_id)
        director.tool_answered(name, item.output)
    elif item.type == "function_call" or item.role == "assistant":
        director.answered_elsewhere()
    elif (part := item.spoken) is not None and part.audio is not None:
        director.caller_spoke(part.audio.form.to_payload(part.audio.data))
    else:
        director.text_came(item.role or "", item.text)


def _truncate(session: "Session", event: Event) -> None:
    where = {name: event[name] for name in ("item_id", "content_index", "audio_end_ms")}
    session.conversation.truncate(**where)
    session.emit("conversation.item.truncated", **where)


def _delete(session: "Session", event: Event) -> None:
    session.conversation.delete(event["item_id"])
    session.emit("conversation.item.deleted", item_id=event["item_id"])


def _retrieve(session: "Session", event: Event) -> None:
    item = session.conversation.retrieve(event["item_id"])
    session.emit("conversation.item.retrieved", item=item.wire(with_audio=True))


async def _create_response(session: "Session", event: Event) -> None:
    if session.options.create_delay_ms:
        await asyncio.sleep(session.options.create_delay_ms / 1000)
    session.respond(event.get("response", {}))


def _cancel_response(session: "Session", event: Event) -> None:
    session.responses.cancel(event.get("response_id"))


_HANDLERS: Final[Mapping[str, Callable[["Session", Event], Awaitable[None] | None]]] = {
    "session.update": _update_session,
    "input_audio_buffer.append": _append,
    "input_audio_buffer.commit": _commit,
    "input_audio_buffer.clear": _clear,
    "conversation.item.create": _create_item,
    "conversation.item.truncate": _truncate,
    "conversation.item.delete": _delete,
    "conversation.item.retrieve": _retrieve,
    "response.create": _create_response,
    "response.cancel": _cancel_response,
}
