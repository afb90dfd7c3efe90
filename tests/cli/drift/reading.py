"""Reads a page as a strict reader would: what is opened is closed, and everything is remembered."""

from html.parser import HTMLParser
from typing import NamedTuple

VOID = {"meta", "input", "link", "br", "hr", "img"}


class Element(NamedTuple):
    """A tag, its attributes and what stands above it."""

    tag: str
    attributes: dict[str, str]
    above: tuple[str, ...]


class Page(HTMLParser):
    """A page's elements, and its text by the tag that it stands in. Raises ValueError where it is not
    well-formed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        if self._open:
            raise ValueError(f"never closed: {self._open}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(set(names)) != len(names):
            raise ValueError(f"<{tag}> has an attribute twice: {names}")
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}, tuple(self._open)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if "svg" not in self._open:
            raise ValueError(f"<{tag}/> is closed where HTML does not close")
        self.handle_starttag(tag, attrs)
        self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            raise ValueError(f"</{tag}> closes what is not open")

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self._open[-1] if self._open else "", data))

    def all(self, tag: str, kind: str = "") -> list[Element]:
        """The elements of a tag, and of a class where one is given."""
        return [
            one
            for one in self.elements
            if one.tag == tag and (not kind or kind in one.attributes.get("class", "").split())
        ]

    def text_of(self, tag: str) -> list[str]:
        """The texts that stand right in such a tag."""
        return [text for at, text in self.texts if at == tag]

    @property
    def text(self) -> str:
        """All that a person reads."""
        return " ".join(text for at, text in self.texts if at not in ("script", "style"))
