"""Parts of a report as a notebook shows them: small HTML with its pictures inside, for light and dark pages."""
