"""Every setting: what it may be, and where it came from."""
