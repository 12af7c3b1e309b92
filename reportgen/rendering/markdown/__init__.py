"""The report as GitHub flavoured Markdown."""
