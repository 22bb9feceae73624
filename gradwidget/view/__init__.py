"""Draws: what goes to the browser, how, and how often. Computes no statistics."""
