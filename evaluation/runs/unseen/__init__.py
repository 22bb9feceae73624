"""Runs as people report them, written blind, after the rules were last changed; scored last."""
