"""Four studies of what a layer still knows of each word, one a file."""
