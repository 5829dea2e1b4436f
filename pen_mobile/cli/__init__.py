"""The command line: one file per verb; a command parses, calls one function of the API, and prints."""
