"""Plausibility: whether scores point where people, a lexicon or the making of a text say."""
