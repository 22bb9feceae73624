"""How Sphinx builds the documentation: ``make docs``."""

from __future__ import annotations

import gradwidget

project = "gradwidget"
author = "the gradwidget developers"
copyright = author  # noqa: A001  # Sphinx reads this very name
version = release = gradwidget.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"gradwidget {version}"
templates_path: list[str] = []
exclude_patterns = ["*.in"]

# Public names are documented where users import them from, in the order of the source.
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_default_options = {"members": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
myst_heading_anchors = 3
