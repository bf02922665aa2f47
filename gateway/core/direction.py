"""The words for which way a call goes, as far as they are ours.

The carrier's own are ``inbound`` and whatever begins with ``outbound``.
"""

from typing import Final

SOFTPHONE: Final = "softphone"
"""Nobody rang: an operator talks to an agent through the API. No carrier knows of such a call."""
