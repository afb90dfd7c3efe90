"""Routers with pods of their own: what the router room tells services/deploy, and hears from it."""
