"""The fixes, one file each; ``by_symptom`` ranks them."""
