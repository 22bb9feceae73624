"""Statistics of tensors, exact and in few calls."""
