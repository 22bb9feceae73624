"""How the gradient of a recurrent layer changes along time."""
