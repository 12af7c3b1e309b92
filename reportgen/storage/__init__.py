"""Two kinds of disk: the cache of results, named by what made them, and the folder of one run."""
