"""Control: the one path from a person back to the loop. Knows neither torch nor Jupyter."""
