"""Which finding explains which: from many symptoms to one cause."""
