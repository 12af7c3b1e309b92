"""What keeps a template that somebody else wrote in check: a process of its own within limits, and a page that calls nobody."""
