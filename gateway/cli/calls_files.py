"""Where exports lie: files of what people said, for their owner's eyes only.

The folder ``exports`` in the data dir is where erasing a call looks for them, by the CallSid in
their names. Files written elsewhere are out of its reach.
"""

import contextlib
import os
import secrets
from pathlib import Path

from gateway.errors import GatewayError
from gateway.settings import Settings


def exports(settings: Settings) -> Path:
    """The folder of exports."""
    return settings.data_dir / "exports"


def make_folder(folder: Path) -> None:
    """Makes a folder for its owner alone, unless it is there. Raises GatewayError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise GatewayError(f"{folder}: {error.strerror or error}") from None


def write_private(path: Path, content: bytes) -> Path:
    """Writes a file that only its owner may read, whole or not at all; an older one is replaced.

    Raises GatewayError, which names the file.
    """
    make_folder(path.parent)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(draft, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise GatewayError(f"{path}: {error.strerror or error}") from None
    return path
