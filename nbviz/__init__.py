"""See what a neural network has learned, live, inside a notebook."""
