"""Owns the making of items from a client's JSON, already checked for shape. Pure."""

import binascii
from collections.abc import Callable
from typing import Any

from gateway.sim.realtime import errors
from gateway.sim.realtime.conversation import Audio, Item, Part
from gateway.sim.realtime.formats import PCM, AudioFormat


def decode_audio(data: str, form: AudioFormat) -> bytes:
    """Strict base64; the fault names the format the session expects."""
    try:
        return binascii.a2b_base64(data, strict_mode=True) if data else b""
    except ValueError:
        raise errors.bad_audio("mono PCM16 at 24kHz" if form is PCM else form.type) from None


def client_item(item: dict[str, Any], form: AudioFormat, new_id: Callable[[str], str]) -> Item:
    """The conversation item of `conversation.item.create`; ids that are missing are minted."""
    made = Item(item.get("id") or new_id("item"), item["type"])
    if made.type == "message":
        made.role = item["role"]
        made.content = [_part(part, form) for part in item["content"]]
    elif made.type == "function_call":
        made.name, made.arguments = item["name"], item["arguments"]
        made.call_id = item.get("call_id") or new_id("call")
    else:
        made.call_id, made.output = item["call_id"], item["output"]
    return made


def _part(part: dict[str, Any], form: AudioFormat) -> Part:
    if part["type"] == "input_image":
        return Part("input_image", image=part)
    if part["type"] == "input_audio":
        data = decode_audio(part["audio"], form)
        audio = Audio(form, data, len(data))
        return Part("input_audio", transcript=part.get("transcript"), audio=audio)
    return Part(part["type"], text=part["text"])
