"""Whether the advice cures: each remedy of the first finding, carried out from a fresh start."""
