"""The prior over people, learned from source people."""
