"""How large and how fast a bundle is: here in the real runtime, and on a phone by ExecuTorch's own runner."""
