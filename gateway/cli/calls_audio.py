"""The sound of a call for the commands, from the folder of recordings, decrypted where need be."""

from collections.abc import Mapping
from typing import Any

from gateway.cli.calls_text import inert, local
from gateway.errors import GatewayError
from gateway.settings import Settings
from gateway.store.recordings.audio import read_stereo, recording_path, why_none
from gateway.store.recordings.vault import open_vault


def stereo_of(settings: Settings, call: Mapping[str, Any]) -> bytes:
    """The recording of a call: interleaved mu-law, caller first.

    Raises GatewayError, one line, when there is none (any more, or yet) or no key to it.
    """
    call_sid = inert(call["call_sid"])
    match why_none(call):
        case "purged":
            at = local(call["recording_purged_at"])
            raise GatewayError(f"{call_sid}: its recording was deleted {at}")
        case "not_recorded":
            raise GatewayError(f"{call_sid}: was not recorded")
        case "unfinished":
            raise GatewayError(f"{call_sid}: is still being recorded")
    path = recording_path(settings.data_dir / "recordings", call["recording"])
    return read_stereo(path, open_vault(settings))
