"""How a database becomes what ``tables.py`` says, step by step; ``upgrade.py`` runs the steps."""

REVISIONS = ("0001", "0002", "0003")
"""Every step there is, oldest first. A database at any other was made by a newer gateway."""
