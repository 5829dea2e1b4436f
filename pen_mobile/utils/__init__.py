"""Helpers without knowledge of the domain: files, subprocesses, TOML, provenance, progress."""
