"""A TOML file that a setting names, read whole."""

import tomllib
from pathlib import Path
from typing import Any

from gateway.errors import ConfigError


def read_table(path: Path, variable: str) -> dict[str, Any]:
    """The table of the file. Raises ConfigError naming the variable, the file and the fault."""
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        fault = f"cannot be read: {(error.strerror or 'unknown reason').lower()}"
    except UnicodeDecodeError as error:
        fault = f"line {error.object[: error.start].count(10) + 1}: not UTF-8"
    except ValueError as error:  # TOMLDecodeError, and numbers or dates that there are none of
        fault = str(error)
    except RecursionError:
        fault = "tables or lists are nested too deeply"
    raise ConfigError(f"{variable}: {path}: {fault}")
