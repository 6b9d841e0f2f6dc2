"""Training runs: the recipe and its parts."""
