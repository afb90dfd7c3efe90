"""Decisions of the past, made again: from what their manifests recorded, and from what was stored."""
