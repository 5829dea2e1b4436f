"""The exported methods of a bundle, and how they are lowered to ExecuTorch programs."""
