"""What is done with a finished run: packed, verified, repeated, handed in."""
