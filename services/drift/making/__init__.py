"""Baselines in the making: from columns and counts in a request, from files, and from what was logged."""
