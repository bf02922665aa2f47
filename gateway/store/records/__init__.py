"""What is written of a call, and reading it: from events to rows, and from rows to views."""
