"""The paper's whole evaluation (Section 4) on features: source learning, adaptation, baselines, tables."""
