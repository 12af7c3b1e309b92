"""Pictures and charts in one visual style; the only room that imports matplotlib."""
