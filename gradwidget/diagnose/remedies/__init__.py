"""The fixes, one file each; ``by_symptom`` ranks them, with the help of the files ``of_…``."""
