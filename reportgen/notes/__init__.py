"""The author's own words: a folder of Markdown, where each file stands in the report, and what it refers to."""
