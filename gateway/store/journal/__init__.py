"""The way of what is written: to the local disk first, then to the database, each once."""
