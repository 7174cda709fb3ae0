"""The report of a comparison: tables for the terminal and pages of HTML."""

from captum_rnn.benchmark.report.document import notebook_html, report_html

__all__ = ["notebook_html", "report_html"]
