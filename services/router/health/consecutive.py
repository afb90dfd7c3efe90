"""Failures in a row: found at once, without waiting for an interval to end."""

from services.router.health.rules import Rules


def judge(streak: int, rules: Rules) -> str:
    """Why a model is condemned after `streak` failures without an answer between them; empty if it is not."""
    if streak < rules.consecutive_failures:
        return ""
    return f"{streak} failure{'' if streak == 1 else 's'} in a row"
