"""The report as a document of Word (Office Open XML)."""
