"""The fixes, one file each; ``ranking`` chooses among them, the best for a case first."""
