"""What is to be done, and what was, for people and for machines."""

from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from rich.console import Group, RenderableType
from rich.text import Text

from services.cli.declared.changes import Action, Change
from services.cli.speech import plain
from services.foundation.errors import TurnoutError

MARKS = {
    Action.CREATE: ("+", "green"),
    Action.CHANGE: ("~", "yellow"),
    Action.NOTHING: ("=", "dim"),
    Action.REFUSED: ("!", "bold red"),
}


def view(changes: Sequence[Change]) -> RenderableType:
    """Each object that is not yet what is declared, field by field; then how many there are of each."""
    # Warnings of what is unchanged are known; that something was left alone is not.
    told = [one for one in changes if one.action is not Action.NOTHING or one.facts.get("kept")]
    lines = [line for one in told for line in _object(one)]
    counts = [sum(one.action is action for one in changes) for action in Action]
    words = ("to create", "to change", "unchanged", "refused")
    total = ", ".join(f"{count} {word}" for count, word in zip(counts, words, strict=True) if count)
    return Group(*lines, Text(total or "nothing is declared", style="bold"))


def document(changes: Sequence[Change], prices: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """The same for machines."""
    by_name = {price.router: price.document() for price in prices}
    return [
        {
            "name": one.declared.name,
            "action": str(one.action),
            "place": str(one.declared.place()),
            "differences": [each._asdict() for each in one.differences] if one.refused is None else [],
            "notes": one.notes,
            **({"refused": complaints(one, one.refused)} if one.refused is not None else {}),
            **({"evaluation": by_name[one.declared.name]} if one.declared.name in by_name else {}),
        }
        for one in changes
    ]


def complaints(change: Change, refused: TurnoutError) -> list[str]:
    """What a service said against an object, each with its place in the file."""
    if not refused.fields:
        return [f"{change.declared.place()}: {change.declared.name}: {refused.message} ({refused.reason})"]
    return [
        f"{change.declared.place(one.field)}: {change.declared.name}: {one.field}: {one.description}"
        f" ({refused.reason})"
        for one in refused.fields
    ]


def _object(change: Change) -> Iterator[Text]:
    mark, style = MARKS[change.action]
    yield Text(f"{mark} {plain(change.declared.name)}", style=style)
    if change.refused is not None:
        yield from (Text(f"    {plain(line)}", style="red") for line in complaints(change, change.refused))
    elif change.before is None:
        for line in _yaml(change.after).splitlines():
            yield Text(f"  + {plain(line)}", style="green")
    else:
        for one in change.differences:
            yield from _field(one.path, one.before, one.after)
    yield from (Text(f"  # {plain(note)}", style="cyan") for note in change.notes)


def _field(path: str, before: Any, after: Any) -> Iterator[Text]:
    if not any(value is None or isinstance(value, dict | list) for value in (before, after)):
        yield Text.assemble(
            f"    {plain(path)}: ", (_scalar(before), "red"), " → ", (_scalar(after), "green")
        )
        return
    for sign, value, style in (("-", before, "red"), ("+", after, "green")):
        if value is not None:
            for line in _yaml({path: value}).splitlines():
                yield Text(f"  {sign} {plain(line)}", style=style)


def _scalar(value: Any) -> str:
    return plain(yaml.safe_dump(value, allow_unicode=True).splitlines()[0])


def _yaml(value: Any) -> str:
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)).rstrip()
