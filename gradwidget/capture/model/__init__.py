"""What is known of the model: its layers, its optimizers, its activation functions."""
