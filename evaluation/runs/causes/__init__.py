"""Runs by the cause of their fault, sick ones and healthy ones that resemble them."""
