"""The report as a manuscript: one walk over a page's context, of which Word, Markdown and LaTeX are spellings."""
