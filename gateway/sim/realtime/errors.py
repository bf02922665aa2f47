"""Owns the error texts of the Realtime API: the catalogue, one function each. Sends nothing.

Texts, codes and params marked (captured) are those of the real server, taken from public records;
(modelled) ones follow the form of its other texts and may differ in wording.
"""

from collections.abc import Iterable
from typing import Any, Final

INVALID_REQUEST: Final = "invalid_request_error"

EXPIRED_TEXT: Final = "Your session hit the maximum duration of 60 minutes."
QUOTA_TEXT: Final = (
    "You exceeded your current quota, please check your plan and billing details. For more "
    "information on this error, read the docs: "
    "https://platform.openai.com/docs/guides/error-codes/api-errors."
)

_TYPE_NAMES: Final[tuple[tuple[type, str], ...]] = (
    (type(None), "null"),
    (bool, "a boolean"),
    (int, "an integer"),
    (float, "a decimal"),
    (str, "a string"),
    (list, "an array"),
    (dict, "an object"),
)


class ClientFault(Exception):
    """The client asked for something the API refuses: one `error` event, the session goes on."""

    def __init__(
        self,
        code: str | None,
        message: str,
        param: str | None = None,
        type_: str = INVALID_REQUEST,
    ) -> None:
        super().__init__(message)
        self.type = type_
        self.code = code
        self.message = message
        self.param = param

    def payload(self, event_id: str | None) -> dict[str, Any]:
        """The `error` object of the event; `event_id` is the client event's own id, or None."""
        return {
            "type": self.type,
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": event_id,
        }


class Refusal(ClientFault):
    """A connection that is refused after its 101: one `error` event, then CLOSE at once."""

    def __init__(self, close_code: int, code: str | None, message: str) -> None:
        super().__init__(code, message)
        self.close_code = close_code

    @property
    def close_reason(self) -> str:
        """`type[.code]`, as captured."""
        return f"{self.type}.{self.code}" if self.code else self.type


# --- connecting (captured) ---


def bad_key(key: str) -> Refusal:
    """The key is not ours; only its ends are repeated."""
    hidden = f"{key[:8]}{'*' * 32}{key[-4:]}" if len(key) > 16 else "*" * len(key)
    return Refusal(
        3000,
        "invalid_api_key",
        f"Incorrect API key provided: {hidden}. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
    )


def no_key() -> Refusal:
    """No Authorization header, or an empty one."""
    return Refusal(3000, None, "Missing bearer or basic authentication in header")


def bad_model(model: str) -> Refusal:
    """A model that does not speak, or does not exist."""
    return Refusal(4000, "invalid_model", f'Model "{model}" is not supported in realtime mode.')


def no_model() -> Refusal:
    """The address names no model."""
    return Refusal(
        4000,
        "missing_model",
        "You must provide a model parameter, for example "
        "wss://api.openai.com/v1/realtime?model=gpt-realtime-1.5",
    )


def beta_shape() -> Refusal:
    """The client sent `OpenAI-Beta: realtime=v1`."""
    return Refusal(
        4000,
        "beta_api_shape_disabled",
        "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.",
    )


# --- the shape of a message ---


def invalid_json() -> ClientFault:
    """(captured)"""
    return ClientFault("invalid_json", "Invalid event: failed to parse JSON value.")


def not_text() -> ClientFault:
    """(captured; tail of the text modelled)"""
    return ClientFault(
        "invalid_event", "Expected a text WebSocket message; binary frames are not supported."
    )


def not_an_object() -> ClientFault:
    """(modelled)"""
    return ClientFault("invalid_event", "Invalid event: expected a JSON object.")


def foreign_event(kind: str) -> ClientFault:
    """(modelled) Listed by the live server, but made for translation sessions."""
    return ClientFault(
        "invalid_value", f"Event '{kind}' is not supported in this type of session.", "type"
    )


def unknown_parameter(path: str) -> ClientFault:
    """(captured)"""
    return ClientFault("unknown_parameter", f"Unknown parameter: '{path}'.", path)


def missing_parameter(path: str) -> ClientFault:
    """(captured)"""
    return ClientFault("missing_required_parameter", f"Missing required parameter: '{path}'.", path)


def invalid_value(value: object, path: str, supported: Iterable[str]) -> ClientFault:
    """(captured)"""
    values = [f"'{name}'" for name in supported]
    if len(values) > 2:
        listed = ", ".join(values[:-1]) + f", and {values[-1]}"
    else:
        listed = " and ".join(values)
    return ClientFault(
        "invalid_value", f"Invalid value: '{value}'. Supported values are: {listed}.", path
    )


def invalid_type(path: str, expected: str, value: object) -> ClientFault:
    """(modelled on the texts of the other APIs of the same vendor)"""
    got = next((name for kind, name in _TYPE_NAMES if isinstance(value, kind)), "something else")
    return ClientFault(
        "invalid_type",
        f"Invalid type for '{path}': expected {expected}, but got {got} instead.",
        path,
    )


def out_of_range(kind: str, path: str, sign: str, limit: float, value: object) -> ClientFault:
    """(captured for an integer below its minimum); `kind` is integer or decimal, `sign` < or >."""
    side, code = ("below minimum", "below_min") if sign == ">=" else ("above maximum", "above_max")
    return ClientFault(
        f"{kind}_{code}_value",
        f"Invalid '{path}': {kind} {side} value. Expected a value {sign} {limit}, "
        f"but got {value} instead.",
        path,
    )


def too_long(path: str, limit: int, length: int) -> ClientFault:
    """(captured for item ids)"""
    return ClientFault(
        "string_above_max_length",
        f"Invalid '{path}': string too long. Expected a string with maximum length {limit}, "
        f"but got a string with length {length} instead.",
        path,
    )


def bad_pattern(path: str, pattern: str) -> ClientFault:
    """(captured: the pattern; code modelled)"""
    return ClientFault(
        "invalid_value",
        f"Invalid '{path}': string does not match pattern. Expected a string that matches the "
        f"pattern '{pattern}'.",
        path,
    )


def bad_audio(wanted: str) -> ClientFault:
    """(modelled)"""
    return ClientFault(
        "invalid_value",
        f"Invalid 'audio'. Expected base64-encoded audio bytes ({wanted}) but got an invalid "
        "value.",
        "audio",
    )


# --- the session ---


def voice_locked() -> ClientFault:
    """(captured)"""
    return ClientFault(
        "cannot_update_voice",
        "Cannot update a conversation's voice if assistant audio is present.",
    )


def immutable(what: str, why: str) -> ClientFault:
    """(documented that it is refused; code and text modelled)"""
    return ClientFault(f"cannot_update_{what}", f"Cannot update a session's {what}{why}.")


def unsupported_parameter(path: str) -> ClientFault:
    """(documented as supported by other models only; modelled on the vendor's other APIs)"""
    return ClientFault(
        "unsupported_parameter",
        f"Unsupported parameter: '{path}' is not supported with this model.",
        path,
    )


def bad_modalities(names: list[str], path: str = "session.output_modalities") -> ClientFault:
    """(modelled on the text of the beta)"""
    return ClientFault(
        "invalid_value",
        f"Invalid modalities: {names}. Supported combinations are: ['text'] and ['audio'].",
        path,
    )


def expired() -> ClientFault:
    """(captured)"""
    return ClientFault("session_expired", EXPIRED_TEXT)


# --- audio and items ---


def commit_empty(buffered_ms: float) -> ClientFault:
    """(captured)"""
    return ClientFault(
        "input_audio_buffer_commit_empty",
        "Error committing input audio buffer: buffer too small. Expected at least 100ms of "
        f"audio, but buffer only has {buffered_ms:.2f}ms of audio.",
    )


def truncate_unknown(item_id: str) -> ClientFault:
    """(code and text from client sources)"""
    return ClientFault("item_truncate_invalid_item_id", f"Item with item_id not found: {item_id}")


def not_truncatable() -> ClientFault:
    """(message captured; sources differ on the code)"""
    return ClientFault(
        "unsupported_content_type", "Only model output audio messages can be truncated"
    )


def already_shorter(audio_ms: int, wanted_ms: int) -> ClientFault:
    """(message captured)"""
    return ClientFault(
        "invalid_value", f"Audio content of {audio_ms}ms is already shorter than {wanted_ms}ms"
    )


def delete_unknown(item_id: str) -> ClientFault:
    """(captured)"""
    return ClientFault(
        "item_delete_invalid_item_id",
        f"Error deleting item: the item with id '{item_id}' does not exist.",
    )


def retrieve_unknown(item_id: str) -> ClientFault:
    """(code from client sources, text modelled on the one for deleting)"""
    return ClientFault(
        "item_retrieve_invalid_item_id",
        f"Error retrieving item: the item with id '{item_id}' does not exist.",
    )


def previous_unknown(item_id: str) -> ClientFault:
    """(modelled)"""
    return ClientFault(
        "item_create_invalid_previous_item_id",
        f"Error creating item: the previous item with id '{item_id}' does not exist.",
    )


def item_exists(item_id: str) -> ClientFault:
    """(modelled)"""
    return ClientFault(
        "item_create_duplicate_item_id",
        f"Error creating item: the item with id '{item_id}' already exists.",
    )


def unknown_call(call_id: str) -> ClientFault:
    """(captured, livekit/agents#3344)"""
    return ClientFault(
        "invalid_tool_call_id", f"Tool call ID '{call_id}' not found in conversation."
    )


# --- responses ---


def response_active(response_id: str) -> ClientFault:
    """(captured)"""
    return ClientFault(
        "conversation_already_has_active_response",
        f"Conversation already has an active response in progress: {response_id}. Wait until "
        "the response is finished before creating a new one.",
    )


def nothing_to_cancel() -> ClientFault:
    """(captured)"""
    return ClientFault(
        "response_cancel_not_active", "Cancellation failed: no active response found"
    )


def generation_failure(kind: str, model: str, session_id: str) -> dict[str, Any]:
    """`status_details.error` of a failed response; `kind` is the script's word for it."""
    if kind == "insufficient_quota":
        return {"type": kind, "code": kind, "message": QUOTA_TEXT}
    if kind == "rate_limit":
        return {
            "type": INVALID_REQUEST,
            "code": "rate_limit_exceeded",
            "message": f"Rate limit reached for {model} in organization org-offline on tokens "
            "per min (TPM): Limit 40000, Used 39990, Requested 1200. Please try again in 1.8s.",
        }
    return {
        "type": "server_error",
        "code": None,
        "message": "The server had an error while processing your request. Sorry about that! "
        "You can retry your request, or contact us through our help center at help.openai.com "
        f"if the error persists. (Please include the session ID {session_id} in your message.)",
    }
