"""Agreement: how far two sets of scores, or scores and a known truth, say the same."""
