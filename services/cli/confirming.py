"""Asking before what cannot be taken back."""

import sys

import typer


def confirmed(question: str, *, yes: bool) -> None:
    """Go on, or end the command with 1: only a person at a terminal is asked, a script means what it says."""
    if not yes and sys.stdin.isatty() and sys.stdout.isatty():
        typer.confirm(question, abort=True)
