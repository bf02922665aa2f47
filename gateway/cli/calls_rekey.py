"""``gateway calls rekey``: recordings of older keys are encrypted with the first one."""

import json

import typer

from gateway.cli.calls_counts import tell
from gateway.errors import ConfigError, GatewayError
from gateway.settings import load_settings
from gateway.store.recordings.audio import rekey
from gateway.store.recordings.vault import open_vault


def run_rekey(*, as_json: bool) -> int:
    """Encrypts anew what has another key; 1 when a recording could not be.

    Raises ConfigError without keys. May be broken off and run again.
    """
    settings = load_settings()
    vault = open_vault(settings)
    if vault is None:
        raise ConfigError("GATEWAY_RECORDING_KEYS: is not set, so nothing is encrypted")
    files = sorted((settings.data_dir / "recordings").glob("*/*.wav.enc"))
    counts = {"recordings": len(files), "encrypted_anew": 0, "failed": 0}
    for number, path in enumerate(files, start=1):
        try:
            counts["encrypted_anew"] += rekey(path, vault)
        except GatewayError as error:
            counts["failed"] += 1
            tell(str(error))
        if not as_json and number % 100 == 0:
            tell(f"{number} of {len(files)} …")
    if as_json:
        typer.echo(json.dumps(counts))
    else:
        done = counts["encrypted_anew"]
        typer.echo(f"{done} of {len(files)} recordings encrypted anew with the key {vault.first!r}")
    return 1 if counts["failed"] else 0
