"""Columns of CSV, Parquet and npz files as people make them, brought to one form or refused by name."""
