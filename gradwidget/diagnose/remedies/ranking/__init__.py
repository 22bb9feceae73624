"""Which remedies each symptom gets, the best first: ``by_symptom``, and a file for each family."""
