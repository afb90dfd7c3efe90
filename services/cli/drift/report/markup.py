"""HTML out of templates: whatever is put into one is escaped, unless it is HTML already."""

import html
from collections.abc import Iterable
from string import Template

from services.cli.speech import plain


class Html(str):
    """Text that is HTML. Only templates of ours make it."""

    __slots__ = ()


def fill(template: str, **parts: object) -> Html:
    """The template with its `$names` filled. Raises KeyError for one that is not given."""
    return Html(Template(template).substitute({name: escaped(part) for name, part in parts.items()}))


def escaped(part: object) -> Html:
    """As it may stand in text and in quoted attributes; control characters and what turns the direction of
    writing are shown as dots."""
    return part if isinstance(part, Html) else Html(html.escape(plain(str(part)), quote=True))


def joined(parts: Iterable[Html]) -> Html:
    """One after another."""
    return Html("".join(parts))
