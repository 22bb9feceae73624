"""Runs as people report them, written blind, before the rules were last changed; scored last."""
