"""What ships: a trained run becomes programs, a manifest and golden vectors, and is proven equal."""
