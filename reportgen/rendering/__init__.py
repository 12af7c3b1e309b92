"""A report as files: HTML and PDF from its data and its pictures alone; neither model nor analysis, neither torch nor numpy."""
