"""What is claimed about speed, measured beside the libraries as shipped, in one run."""
