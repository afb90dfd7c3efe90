"""What became of what was applied: read from the objects as the API server shows them."""
