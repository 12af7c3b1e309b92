"""What a report says, as data, and the files that carry it. Knows no explanation method and no renderer."""
