"""How the network and its loss are wired, and which layers take part in the training."""
