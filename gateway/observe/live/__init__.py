"""What happens in the calls right now, for whoever looks: states, timelines, and what changed."""
