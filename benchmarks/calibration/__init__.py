"""Study: the calibrated delta by what it learnt from."""
