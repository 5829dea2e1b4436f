"""PEN Mobile: one affect model, made each phone owner's own."""
