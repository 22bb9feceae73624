"""A run as a file that can be looked at without Python."""
