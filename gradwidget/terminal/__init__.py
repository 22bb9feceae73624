"""``gradwidget`` in a terminal: what a run file says, without a notebook."""
