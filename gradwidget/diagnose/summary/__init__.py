"""The findings in short: a verdict, a state per layer, the trend of the loss."""
