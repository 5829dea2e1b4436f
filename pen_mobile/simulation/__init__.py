"""Simulated use: a day with a phone on a virtual clock, device profiles, and the demo."""
