"""Runs as people report them, written blind, scored once and then opened to learn from."""
