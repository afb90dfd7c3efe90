"""Analyses at regular times: when a look is due, what all of them prove together, and who makes it."""
