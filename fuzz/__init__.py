"""Fuzzing of the readers of untrusted files; fuzz/README.md says how. What stands here needs no library."""

SECONDS, MEMORY = 5, 2 << 30  # of one input
NAMES = (
    "images", "inert_pickle", "parameters", "reports", "pages", "annotations", "labels", "archives", "pdfs", "checkpoints",
    "results", "signatures",
)  # fmt: skip
