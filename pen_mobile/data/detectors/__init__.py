"""Two ways to find a face behind one interface, and how to get hold of them."""
