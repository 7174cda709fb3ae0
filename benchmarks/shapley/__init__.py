"""How near Shapley values of removal come to the converged ones, and at what cost."""
