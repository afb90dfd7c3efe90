"""The router: chooses who answers, and says why."""
