"""The personal store: labelled features, head versions and the log of one phone owner, in one SQLite file."""
