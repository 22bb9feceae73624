"""What of N samples is broadcast to all pairs of them on the way to a loss."""
