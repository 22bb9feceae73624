"""Where the gradient stops, or nearly so, on its way back from the loss."""
