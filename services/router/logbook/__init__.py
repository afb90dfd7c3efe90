"""Predictions as they were logged: listed, followed as they are made, and exported."""
