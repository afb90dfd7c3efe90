"""Predictions of a model, whoever made them: where they are, and a page of them with their truth."""
