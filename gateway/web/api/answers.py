"""What requests under ``/api/`` bring and get: bodies of bounded size, JSON that nobody keeps."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

MAX_BODY_BYTES = 16 * 1024


async def body_of(request: Request) -> bytes:
    """The whole body. Raises HTTPException when it is too long or breaks off."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise HTTPException(413, f"the body has over {MAX_BODY_BYTES} bytes")
    except ClientDisconnect:
        raise HTTPException(400, "the body broke off") from None
    return body


def answered(
    content: Any, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})
) -> Response:
    """JSON, kept by nobody on the way."""
    # Pure ASCII: a model may write half a surrogate pair, which no other encoding takes.
    return answered_text(json.dumps(content), status, headers)


def answered_text(
    text: str, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})
) -> Response:
    """The same for what is JSON already."""
    return Response(text, status, {**headers, "Cache-Control": "no-store"}, "application/json")
