"""What came of predictions, and what was learnt of it: a file per command."""
