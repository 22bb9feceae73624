"""What is true of a run, measured by brute force."""
