"""The findings in brief: a verdict, a state per layer, the trend of the loss."""
