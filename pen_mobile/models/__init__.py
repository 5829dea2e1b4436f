"""The model: backbone -> z, shared head (SN), expert head (PEN) and their losses."""
