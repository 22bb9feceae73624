"""How far a step moves the weights, and what makes it move them less or more."""
