"""Writes docs/openapi.json anew: `python -m tools.describe_api`. A test holds it equal."""

import json
from pathlib import Path
from unittest.mock import Mock

from gateway.settings import load_settings
from gateway.web.api.gate import Gate
from gateway.web.api.openapi import described
from gateway.web.app import api_table
from gateway.web.parts import Parts

FILE = Path(__file__).parent.parent / "docs" / "openapi.json"


def document() -> str:
    """The description of the API as it stands in the file."""
    settings = load_settings(_env_file=None, public_url="https://voice.example.com")
    table = api_table(Parts(settings, Mock()), Gate(settings, Mock()))
    return json.dumps(described(table), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
