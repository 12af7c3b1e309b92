"""How much of an author's own words is taken: far more than anybody writes, and little enough to be laid out at any time."""

from __future__ import annotations

MOST_BYTES = 256 * 2**10  # of one note
MOST_TOGETHER = 2**20  # of all notes of a report
MOST_FILES = 5000
# Quotations and lists within one another, and emphases. Deeper ones are laid out narrower than a word.
MOST_NESTED = 16
# Of a note: what opens a link or an emphasis is looked for an end of, so that the time grows with their square.
MOST_BRACKETS = 4000
MOST_MARKS = 20_000  # asterisks and underscores
MOST_REFERENCES = 2000  # of a note: what may be one, a brace or an @
MOST_EXPRESSION = 500  # characters between {{ and }}
