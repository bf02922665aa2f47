"""Telephony voice agent gateway: call a phone number and talk to an OpenAI realtime agent."""

__version__ = "0.1.0"
