"""The studies behind `benchmarks/word_information.py`, one a file."""
