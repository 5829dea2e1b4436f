"""Readers: what a laboratory has on disk becomes recordings, times in seconds and labels in [-1, 1]."""
