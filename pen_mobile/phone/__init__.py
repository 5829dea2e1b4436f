"""The simulated phone: it runs what a bundle holds, as a phone does, and trains nothing by itself."""
