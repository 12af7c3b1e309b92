"""The PDF: laid out by WeasyPrint, tagged for screen readers, with the report's data attached."""
