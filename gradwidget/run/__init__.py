"""Runs on disk: recorded while they train, read and followed from anywhere."""
