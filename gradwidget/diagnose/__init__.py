"""Turns a history into findings and layer states, with numpy alone."""
