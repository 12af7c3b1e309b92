"""A network in two parts, trunk and head, and what can be read of it."""
