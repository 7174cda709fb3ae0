"""Sphinx configuration."""

from importlib.metadata import version as installed_version

project = "captum-rnn"
author = "captum-rnn developers"
release = installed_version("captum-rnn")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath"]
autodoc_typehints = "description"
autodoc_member_order = "bysource"
suppress_warnings = ["ref.class"]
html_theme = "furo"
html_title = "captum-rnn"
