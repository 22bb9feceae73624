"""A close look at one layer: histograms and largest entries."""
