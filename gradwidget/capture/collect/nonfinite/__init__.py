"""Where a NaN or an infinity arose."""
