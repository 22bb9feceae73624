"""Which steps are sampled."""
