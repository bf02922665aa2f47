"""Starlette: what Twilio's webhooks, Twilio's media socket and health checks talk to."""
