"""The two far ends of the wire as real servers, for demo, tests and our users."""
