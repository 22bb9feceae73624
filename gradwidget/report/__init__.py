"""Says what was found where there is no browser."""
