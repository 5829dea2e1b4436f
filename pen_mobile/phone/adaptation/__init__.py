"""The parts of one adaptation: blocks of time, held-out labels, ways to fit, the judge, and what survives a kill."""
