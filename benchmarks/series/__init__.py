"""The comparison on multivariate series, over kinds of layers, tasks and seeds."""
