"""The weights of a file of the user's own, fitted to an architecture by names and shapes."""
