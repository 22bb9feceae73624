"""The training runs: how each is built, how it takes a step and what it is known to have."""
