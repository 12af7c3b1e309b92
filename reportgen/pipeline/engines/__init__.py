"""What does the map: threads of this process, or a Ray cluster."""
