"""Sphinx configuration."""

from docutils import nodes
from latex2mathml.converter import convert

from captum_rnn import __version__

project = "captum-rnn"
author = copyright = "captum-rnn developers"
release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]
html_static_path = ["docs.css"]
html_css_files = ["docs.css"]
html_math_renderer = "mathml"
myst_enable_extensions = ["dollarmath", "html_image"]
autodoc_typehints = "description"
autodoc_member_order = "bysource"
suppress_warnings = ["ref.class"]
html_theme = "furo"
html_title = "captum-rnn"


def setup(app):
    """Writes formulas as MathML, which browsers draw by themselves, offline too."""
    app.add_html_math_renderer("mathml", (inline_formula, None), (displayed_formula, None))


def inline_formula(writer, node):
    """One formula inside a line."""
    writer.body.append(convert(node.astext()))
    raise nodes.SkipNode


def displayed_formula(writer, node):
    """One formula in a line of its own; a narrow screen scrolls it."""
    formula = convert(node.astext(), display="block")
    writer.body.append(f'<div class="formula">{formula}</div>\n')
    raise nodes.SkipNode
