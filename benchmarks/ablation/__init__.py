"""Study: every choice that the hidden-state delta leaves open."""
