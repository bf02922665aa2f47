"""The offline Realtime server: OpenAI's GA Realtime protocol, spoken from a script.

As strict as the real one, with its errors and its failures. `RealtimeServer` is all one needs.
Not offered: MCP tools, transcription and translation sessions, WebRTC and SIP. Images in messages
are taken and not looked at.
"""

from gateway.sim.realtime.options import RealtimeOptions
from gateway.sim.realtime.server import RealtimeServer

__all__ = ["RealtimeOptions", "RealtimeServer"]
