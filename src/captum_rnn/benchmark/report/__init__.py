"""The report of a comparison: one self-contained HTML file."""

from captum_rnn.benchmark.report.document import report_html

__all__ = ["report_html"]
