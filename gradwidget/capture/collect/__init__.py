"""What is collected during a sampled step, until it is a frame."""
