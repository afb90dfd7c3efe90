"""What every reply of an OpenAI-compatible server may carry beside its answer: the tokens that were used, or
the error that was met after the status had been sent."""

from typing import Any

from services.models.answer import CallFailed


def count(usage: Any, name: str) -> int | None:
    """A number of tokens; servers that do not count leave it out, and what is no count is none."""
    found = usage.get(name) if isinstance(usage, dict) else None
    sound = isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 2**63
    return found if sound else None


def given_up(body: Any) -> None:
    """Raise CallFailed if a reply, or a piece of one, is the server's error in its own words."""
    if said := body.get("error"):
        told = said.get("message", "") if isinstance(said, dict) else said
        raise CallFailed("FAILED", "INTERNAL", f"the server gave up: {told}")
