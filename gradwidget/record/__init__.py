"""Keeps frames in bounded memory: fine for the recent past, coarser further back."""
