"""What a call leaves behind: its records in a database, its recording on disk.

Nothing on the audio path waits for anything in here.
"""
