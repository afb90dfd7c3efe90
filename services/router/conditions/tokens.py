"""A condition's text cut into tokens, as all CEL that is written here."""

from services.foundation import cel_text
from services.foundation.cel_text import LONGEST, MACROS, MOST_CALLS, BadCel, Token
from services.router.conditions.errors import BadCondition

__all__ = ["LONGEST", "MACROS", "MOST_CALLS", "Token", "tokens_of"]


def tokens_of(text: str) -> list[Token]:
    """The tokens, an "end" last. Raises BadCondition for what is too long, unreadable, or a comprehension."""
    try:
        return cel_text.tokens_of(text)
    except BadCel as wrong:
        raise BadCondition(str(wrong)) from wrong
