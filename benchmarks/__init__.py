"""The figures that the documentation states, re-made by one command."""
