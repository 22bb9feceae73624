"""What the rules read: a window over the newest frames, and what is derived from it."""
