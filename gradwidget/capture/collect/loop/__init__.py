"""What the loop gives the model, and how it has set the model and the optimizer."""
