"""Everything that is wrong with a configuration, gathered before anything is refused."""

from collections.abc import Callable, Iterable

from services.foundation.errors import FieldViolation, InvalidArgument, TurnoutError, Unimplemented
from services.state.errors import ModelNotFound

# A configuration of hundreds of wrong variants is answered within the 8 kB that a status may carry.
MOST_REPORTED = 20


class InvalidConfiguration(InvalidArgument):
    """At least one field is wrong; `fields` names each, up to MOST_REPORTED of them."""


class UnavailableFeature(Unimplemented):
    """The configuration asks for something that the contract names and this version does not do."""


class Problems:
    """Collects what is wrong; `settle` raises it all at once, the gravest kind first."""

    def __init__(self) -> None:
        self.wrong: list[FieldViolation] = []
        self.unavailable: list[FieldViolation] = []
        self.unknown_models: list[FieldViolation] = []

    def add(self, field: str, description: str) -> None:
        """`field` is wrong; `description` says what would be right."""
        self.wrong.append(FieldViolation(field, description))

    def lacks(self, field: str, available: str) -> None:
        """`field` is in the contract and not available in this version."""
        self.unavailable.append(FieldViolation(field, available))

    def unknown_model(self, field: str, name: str) -> None:
        """`field` names a model that is not registered."""
        self.unknown_models.append(FieldViolation(field, f"{name} is not registered"))

    def settle(self) -> None:
        """Raise InvalidConfiguration, UnavailableFeature or ModelNotFound, if anything is wrong."""
        for kind, found in (
            (InvalidConfiguration, self.wrong),
            (UnavailableFeature, self.unavailable),
            (ModelNotFound, self.unknown_models),
        ):
            if found:
                raise kind(_sentence(found), fields=found[:MOST_REPORTED])


def renamed(error: TurnoutError, name: Callable[[str], str]) -> TurnoutError:
    """The same refusal, its fields called as the request that is refused calls them, also where its message
    begins with the first of them."""
    if not error.fields:
        return error
    fields = [FieldViolation(name(one.field), one.description) for one in error.fields]
    was, said = error.fields[0].field, error.message
    if said.startswith(was):
        said = fields[0].field + said.removeprefix(was)
    made = type(error)(said, fields=fields)
    made.facts = error.facts
    return made


def _sentence(found: Iterable[FieldViolation]) -> str:
    first, *others = found
    more = f" (and {len(others)} more)" if others else ""
    return f"{first.field}: {first.description}{more}"
