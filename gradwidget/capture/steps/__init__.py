"""Where a training step begins and ends, and where it can be paused."""
