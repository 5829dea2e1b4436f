"""Active learning: scores that say how informative a label would be, and a budget of questions an hour."""
