"""Resource names: routers/{id}, models/{id}. People may write the id alone."""

import re

from services.foundation.errors import InvalidArgument

ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
ID_RULE = "1 to 63 lower-case letters, digits and hyphens, not at either end a hyphen"


class BadName(InvalidArgument):
    """A name or an id that is none; the message says which field and what would have been right."""


def resource_name(collection: str, given: str, field: str) -> str:
    """`churn` or `routers/churn` as `routers/churn`.

    Raises BadName, naming `field`, for anything else.
    """
    prefix = f"{collection}/"
    bare = given.removeprefix(prefix)
    if not bare:
        raise BadName(f"{field} is required: write {prefix}{{id}} or {{id}}", fields=[(field, "is required")])
    if not ID.fullmatch(bare):
        said = f"must be {prefix}{{id}} or {{id}}, where an id is {ID_RULE}; got {given[:100]!r}"
        raise BadName(f"{field} {said}", fields=[(field, said)])
    return prefix + bare


def id_of(name: str) -> str:
    """The id at the end of a resource name."""
    return name.rpartition("/")[2]
