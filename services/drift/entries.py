"""Entries of a message's maps, as parameters of a REST request say them: `map.key=value`."""

from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from services.foundation.errors import InvalidArgument

# More names than a file may have columns are no map of them.
MOST_ENTRIES = 10_000


def spread(header: Any) -> None:
    """Put the `entries` of a header into its maps, and take them out of it. A key ends at the first "=".

    Raises InvalidArgument for what is no entry, and for one that the map says something else of.
    """
    if len(header.entries) > MOST_ENTRIES:
        raise _refusal(0, f"at most {MOST_ENTRIES:,}, got {len(header.entries):,}")
    for index, entry in enumerate(header.entries):
        path, equals, value = entry.partition("=")
        name, dot, key = path.partition(".")
        field = header.DESCRIPTOR.fields_by_name.get(name)
        if not (equals and dot and key) or field is None or not _is_map(field):
            maps = ", ".join(one.name for one in header.DESCRIPTOR.fields if _is_map(one))
            raise _refusal(index, f"map.key=value, where the map is one of {maps}; got {entry[:100]!r}")
        kept = getattr(header, name)
        meant = _value(field.message_type.fields_by_name["value"], value, index)
        if kept.get(key, meant) != meant:
            raise _refusal(index, f"{name} says another thing of {key[:100]!r} already")
        kept[key] = meant
    if header.entries:
        # Only then: to touch a header that is not there would make it one, in place of the data.
        header.ClearField("entries")


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _value(field: FieldDescriptor, text: str, index: int) -> Any:
    if field.enum_type is not None:
        known = field.enum_type.values_by_name
        if text not in known:
            raise _refusal(index, f"one of {', '.join(known)}; got {text[:100]!r}")
        return known[text].number
    if field.type == FieldDescriptor.TYPE_STRING:
        return text
    try:
        return float(text)
    except ValueError:
        raise _refusal(index, f"a number after =, got {text[:100]!r}") from None


def _refusal(index: int, said: str) -> InvalidArgument:
    where = f"header.entries[{index}]"
    return InvalidArgument(f"{where}: {said}", fields=[(where, said)])
