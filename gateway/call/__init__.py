"""One call: the asyncio shell around the pure core.

Owns the life of a call, its model link, its outbound clock and its tools. Knows no web framework.
"""
