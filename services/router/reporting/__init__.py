"""What came of a router's predictions, as GetMetrics shows it: query, tallies, answer."""
