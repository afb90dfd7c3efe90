"""Asks several models at once and makes one answer of theirs."""
