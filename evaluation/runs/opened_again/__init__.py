"""A second set of runs as people report them, written blind, scored once and then opened."""
