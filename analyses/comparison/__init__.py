"""Several explained models, compared image by image."""
