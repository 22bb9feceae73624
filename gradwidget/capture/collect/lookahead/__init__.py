"""Whether a model that is to predict the next token can see it."""
