"""Recordings on the disk: written as a call goes on, whole after a crash, encrypted if wanted."""
