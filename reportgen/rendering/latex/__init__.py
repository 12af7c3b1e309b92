"""The report as LaTeX that pdflatex compiles."""
