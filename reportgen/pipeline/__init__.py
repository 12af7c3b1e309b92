"""From a folder and settings to a Report: plan, map, reduce, assemble."""
