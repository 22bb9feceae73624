"""Watches a training loop from outside and turns each step into a frame; the only part that imports
torch.
"""
