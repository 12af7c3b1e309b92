"""Deletion and insertion: does the model follow a map, and more than it follows maps that know nothing of it?"""
