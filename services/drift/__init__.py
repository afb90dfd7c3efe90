"""Notices that the world has changed: compares live traffic with a baseline."""
