"""Predictions that were made elsewhere: checked, made into events as routers write them, and logged once."""
