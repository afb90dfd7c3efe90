"""Ground truth as it comes in: one, many, or a file of it; all of it goes to the suite's one truth stream."""
