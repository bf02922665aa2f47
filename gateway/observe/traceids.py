"""The trace of a call has the call's own ID: whoever knows the CallSid knows the trace.

A CallSid is ``CA`` and 32 hexadecimal digits, which is just what a trace ID is (W3C Trace Context);
the carrier draws them at random. Pure.
"""

import re
from functools import lru_cache
from hashlib import blake2b

_SID = re.compile(r"CA([0-9a-f]{32})", re.ASCII)


@lru_cache(maxsize=1024)
def trace_ids(call_sid: str) -> tuple[str, str]:
    """The trace ID of a call (32 hexadecimal digits) and the ID of the span of all of it (16)."""
    return f"{trace_id(call_sid):032x}", f"{root_span_id(call_sid):016x}"


def trace_id(call_sid: str) -> int:
    """128 bits, never 0: the digits of the CallSid, or a hash of what is none."""
    match = _SID.fullmatch(call_sid)
    return (int(match[1], 16) if match else 0) or _hashed(call_sid, 16)


def root_span_id(call_sid: str) -> int:
    """64 bits, never 0, the same at each time it is asked for."""
    return _hashed(call_sid, 8)


def _hashed(text: str, size: int) -> int:
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()
    return int.from_bytes(digest) or 1
