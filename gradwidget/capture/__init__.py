"""Watches a training loop and turns its steps into frames; the only part that imports torch."""
