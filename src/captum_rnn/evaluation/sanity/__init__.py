"""Sanity: whether scores depend on what the model has learnt, and where in a text they lie."""
