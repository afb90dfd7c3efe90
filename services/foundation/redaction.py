"""Secrets are taken out of what is written, whoever writes it: libraries too, which log what they stumble
on."""

import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, SecretStr

MASK = "***"
# Shorter ones would take ordinary words out of the log.
SHORTEST = 8

# What looks like a secret, and what is left of it: of an API key the id, which finds it in a list.
SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\btk_([0-9a-f]{16})_[0-9a-f]+"), rf"tk_\1_{MASK}"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), MASK),
    (re.compile(r"\b(bearer|basic)(\s+)[^\s\"',;]{8,}", re.IGNORECASE), rf"\1\2{MASK}"),
    (re.compile(r"\bsk-[\w-]{16,}"), f"sk-{MASK}"),
    # User and password of a URL.
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@\"']+@", re.IGNORECASE), rf"\1{MASK}@"),
    (
        re.compile(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL),
        MASK,
    ),
)


class Redaction:
    """Masks what looks like a secret, and `known` ones whatever they look like."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        # The longest first: one may be the beginning of another.
        told = sorted({one for one in known if len(one) >= SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, told))) if told else None

    def __call__(self, text: str) -> str:
        """The text without them."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for shape, left in SHAPES:
            text = shape.sub(left, text)
        return text


def secrets_in(settings: BaseModel) -> list[str]:
    """What settings hold that nobody is to read: secrets, and the passwords of URLs."""
    found = list[str]()
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            found.append(value.get_secret_value())
        elif isinstance(value, str) and "@" in value and (password := _password(value)):
            found += [password, unquote(password)]
    return found


def _password(url: str) -> str | None:
    try:
        return urlsplit(url).password
    except ValueError:
        return None
