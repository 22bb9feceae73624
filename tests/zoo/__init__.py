"""Training runs with proven labels, and the table of what the diagnosis makes of them.

A part of its own: it trains real models, measures by brute force what is wrong with each (``truth``), and only then
asks ``GradMonitor``, so it knows nothing of the rules in ``gradwidget/diagnose``.

- ``run``: what a run is; ``mlp_*``, ``cnn_*``, ``recurrent_*``, ``transformer_*``, ``autoencoder``, ``gan`` hold them
- ``watch``, ``unrolled``, ``rerun``, ``truth``: the measurement that bears the labels out
- ``earlier``: fixed-threshold rules of earlier tools, on the same runs
- ``score``, ``table``, ``python -m tests.zoo``: recall, precision, false alarms, layers, delay
"""
