"""Texts whose right explanation is known: by construction, by people's marks, by a lexicon."""
