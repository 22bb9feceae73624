"""What is changed on request: between two steps, or at every step."""
