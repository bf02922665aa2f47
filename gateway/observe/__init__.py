"""Listeners to call events. Nothing on the audio path waits for them."""
