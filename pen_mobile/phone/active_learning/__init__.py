"""Which moment to ask the owner about: scores of moments, and a budget that decides as they come."""
