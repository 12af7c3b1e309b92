"""What an analysis is, and what every analysis shares: statistics, verdicts, words, works."""
