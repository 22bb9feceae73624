"""Training runs with proven labels, and the table of what the diagnosis makes of them.

A part of its own: it trains real models, measures by brute force what is wrong with each
(``truth``), and only then asks ``GradMonitor``, so it knows nothing of the rules in
``gradwidget/diagnose``.

- ``runs``: what a run is, and the runs by architecture and by cause; of the latter, those in
  ``unseen`` are written without a look at the rules and are scored last; those in ``opened``,
  ``opened_later`` and ``opened_again`` were so once
- ``truth``: the brute-force measurement that confirms their labels
- ``earlier_tools``: fixed-threshold rules of earlier tools, on the same runs
- ``trial``, ``score``, ``table``, ``python -m evaluation``: recall, precision, false alarms,
  layers, delay, and whether the first finding is the cause
- ``cures``, ``python -m evaluation.cures``: how often the advice cures
- ``real``, ``python -m evaluation.real``: architectures of real kinds, healthy and sick
"""
