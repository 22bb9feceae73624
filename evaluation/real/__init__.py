"""Architectures of real kinds, healthy and made sick in five ways, and what is said of them."""
