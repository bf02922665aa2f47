"""The density benchmark: what one core carries, how late, and how exactly.

It stands outside of the house: it drives any gateway over Twilio's contract (signed webhook, Media
Streams socket) and the Realtime protocol, and imports nothing of `gateway` except in `micro`.
"""
