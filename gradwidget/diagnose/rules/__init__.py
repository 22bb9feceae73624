"""One symptom a file: listing this folder lists what gradwidget can find."""
