"""Task 3: LIME superpixels."""
