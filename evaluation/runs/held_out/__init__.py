"""Runs by cause that are scored last: whoever writes rules does not look at them."""
