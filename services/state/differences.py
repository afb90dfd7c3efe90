"""Which fields of a resource differ, as paths: for the history of generations and for audit events."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message

# What every write sets anew says nothing, and what tells of a change of something else no more than that.
ALWAYS = frozenset({"uid", "generation", "etag", "create_time", "update_time"})
TELLS = frozenset({"canary.trial.stage_time", "canary.trial.transitions"})
MOST_PATHS = 64


def changed_fields(before: Message | None, after: Message) -> list[str]:
    """Paths such as `variants` or `canary.canary_percentage`, in the order of the contract, at most 64.

    A list or a map is one path; so is a part that only one of the two has. `before` is None for what is new.
    """
    former = type(after)() if before is None else before
    return list(_differing(former, after, "", ALWAYS))[:MOST_PATHS]


def _differing(
    before: Message, after: Message, prefix: str, skipped: frozenset[str] = frozenset()
) -> Iterator[str]:
    for field in after.DESCRIPTOR.fields:
        name = field.name
        path = prefix + name
        if name in skipped or path in TELLS:
            continue
        if not is_part(field):
            if _value(before, field) != _value(after, field):
                yield path
        elif before.HasField(name) != after.HasField(name):
            yield path
        elif after.HasField(name):
            yield from _differing(getattr(before, name), getattr(after, name), f"{path}.")


def is_part(field: Any) -> bool:
    """Whether the field is one message of the contract's own, which paths may lead into."""
    message = field.message_type
    return bool(not field.is_repeated and message and message.full_name.startswith("turnout."))


def _value(message: Message, field: Any) -> Any:
    if field.has_presence and not message.HasField(field.name):
        return None
    return getattr(message, field.name)
