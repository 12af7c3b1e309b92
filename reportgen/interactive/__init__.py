"""What a Python user holds in hands: one image of a report with its maps, one picture explained alone, HTML for a notebook, data frames.

Importing it, which `reportgen` does when the first of its names is used, makes reports show themselves in a notebook.
"""

from reportgen.interactive.presenter import present

present()
