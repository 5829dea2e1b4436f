"""The public functions: each does what one command does, and returns a result.

Everything is silent unless ``progress=True``; what libraries print from C++ is discarded while a function runs.
"""
