"""What the rules judge by: recent frames, and what they say over depth."""
