"""What the graph of a loss shows of a network that cannot learn, however it is trained."""
