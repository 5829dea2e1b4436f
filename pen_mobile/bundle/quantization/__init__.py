"""Post-training quantization of the backbone to int8, within a budget of CCC and feature cosine."""
