"""Loggers of statistics and findings, for ``GradMonitor.send_to``: one file for each client."""
