"""Study: what every method costs."""
