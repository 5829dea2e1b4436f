"""The personal store: labelled samples, head versions and a log of one user, in one SQLite file."""
