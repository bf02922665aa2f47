"""What holds for every call event: which of its fields carry words."""

from dataclasses import field, fields
from typing import Any


def words(default: Any = "") -> Any:
    """A field with what people said, tools were told or answered: for records, never for logs."""
    return field(default=default, repr=False, metadata={"words": True})


def without_words(event: Any) -> dict[str, Any]:
    """The fields of an event by name, those with :func:`words` left out."""
    return {
        each.name: getattr(event, each.name)
        for each in fields(event)
        if not each.metadata.get("words")
    }
