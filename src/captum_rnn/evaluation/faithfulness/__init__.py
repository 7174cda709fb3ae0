"""Faithfulness: what the model does without the tokens that scores call important."""
