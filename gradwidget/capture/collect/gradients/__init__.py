"""The gradients of parameters, read after the backward pass and before the step."""
