"""The header that tells our own refusals of the carrier's requests from anybody else's.

Proxies and firewalls answer 403 as well. Whoever looks for what is wrong must know whose it is, and
why: the reason is a word of docs/addresses.md and says nothing about what would have been right.
"""

from typing import Final

HEADER: Final = "X-Gateway-Refused"
