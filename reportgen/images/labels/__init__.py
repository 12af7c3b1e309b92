"""The true class of each image, in the forms that people write it down."""
