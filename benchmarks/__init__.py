"""The studies: one folder each. Nothing here is installed, and the package imports none of it."""
