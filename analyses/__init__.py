"""The built-in analyses, each a package: map, reduce, and the mathematics between them."""
