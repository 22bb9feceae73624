"""What the view needs of the running kernel."""
