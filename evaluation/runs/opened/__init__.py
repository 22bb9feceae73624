"""Runs by cause that were scored in sum alone at first, and then opened to learn from."""
