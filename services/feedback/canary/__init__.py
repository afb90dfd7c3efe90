"""Canaries: `deciding.py` says what happens next, from the plan, what is remembered, the evidence and the
clock; the others read what it needs, ask the router for what it says, and tell people of it."""
