"""The commands a person types. Each imports what it needs inside the command."""
