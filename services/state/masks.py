"""Update masks: which fields of a resource a request changes (AIP-134), and which it may not."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message

from services.foundation.errors import InvalidArgument
from services.state.differences import is_part

WHOLE = "*"
# Paths of the stored resource that tell which one it is, or what was seen of it.
ADDRESS = ("name", "etag")


def update(
    stored: Message, given: Message, paths: Sequence[str], kept: Mapping[str, str], *, root: str
) -> list[str]:
    """Bring `stored` to what `given` says in the fields of a mask; returns the paths that were written.

    No paths mean every field that `given` has, into its parts; `*` means the whole. `kept` has the fields
    that this is not the way to change, with the way that is: they stay, and naming one is refused, as is a
    path that leads nowhere. `root` is what the request calls the resource. Raises InvalidArgument.
    """
    if WHOLE in paths:
        if len(paths) > 1:
            raise _wrong(f"{WHOLE} stands alone, got {len(paths)} paths")
        paths = [field.name for field in stored.DESCRIPTOR.fields if _free(field.name, kept)]
    elif paths:
        for path in paths:
            _check(stored, path, kept)
    else:
        paths = [path for path in populated(given) if _free(path.partition(".")[0], kept)]
        if not paths:
            raise _wrong(f"name the fields to change: {root} sets none that can be")
    for path in paths:
        _write(stored, given, path.split("."))
    return list(paths)


def populated(given: Message, prefix: str = "") -> Iterator[str]:
    """Paths of the fields that are set, into singular parts as deep as they go."""
    for field, value in given.ListFields():
        deeper = list(populated(value, f"{prefix}{field.name}.")) if is_part(field) else []
        yield from deeper or [prefix + field.name]


def _free(name: str, kept: Mapping[str, str]) -> bool:
    return name not in kept and name not in ADDRESS


def _check(stored: Message, path: str, kept: Mapping[str, str]) -> None:
    first, *_ = names = path.split(".")
    if first in kept:
        raise _wrong(f"{path[:100]} {kept[first]}")
    if first in ADDRESS:
        raise _wrong(f"{first} says what to change and cannot be changed")
    descriptor: Any = stored.DESCRIPTOR
    for place, name in enumerate(names):
        field = descriptor.fields_by_name.get(name)
        here = ".".join(names[:place]) or descriptor.name
        if field is None:
            raise _wrong(f"{path[:100]!r} leads nowhere: {here} has no field {name[:100]!r}")
        if place + 1 < len(names) and not is_part(field):
            whole = ".".join(names[: place + 1])
            raise _wrong(f"{path[:100]!r} leads into {whole}, which is replaced as a whole: write {whole}")
        descriptor = field.message_type


def _write(stored: Any, given: Any, names: Sequence[str]) -> None:
    first, *rest = names
    if not rest:
        _copy(stored, given, first)
    elif given.HasField(first):
        _write(getattr(stored, first), getattr(given, first), rest)
    elif stored.HasField(first):
        _write(getattr(stored, first), type(getattr(stored, first))(), rest)


def _copy(stored: Any, given: Any, name: str) -> None:
    field = stored.DESCRIPTOR.fields_by_name[name]
    there = (
        bool(getattr(given, name)) if field.is_repeated else not field.has_presence or given.HasField(name)
    )
    stored.ClearField(name)
    if not there:
        return
    value = getattr(given, name)
    if field.is_repeated or field.message_type is not None:
        # Lists, maps and messages alike, without asking which.
        part = type(given)()
        getattr(part, name).MergeFrom(value)
        if field.message_type is not None and not field.is_repeated:
            getattr(part, name).SetInParent()
        stored.MergeFrom(part)
    else:
        setattr(stored, name, value)


def _wrong(said: str) -> InvalidArgument:
    return InvalidArgument(f"update_mask: {said}", fields=[("update_mask", said)])
