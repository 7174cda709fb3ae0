"""Study: the post's own protocol, and the classifier that ships with the package."""
