"""Image classifiers as Hugging Face's libraries save them."""
