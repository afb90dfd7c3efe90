"""Alerts: when one is raised and cleared, who is told, and how those who watch hear of it."""
