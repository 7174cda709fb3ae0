"""Study: the methods on many classifiers of reviews."""
