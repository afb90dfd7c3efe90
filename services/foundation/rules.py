"""Who may call a method, as the `access` option of its descriptor says."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.descriptor_pool import DescriptorPool

from services.foundation.contract import service_of

OPTION = "turnout.inference.v1.access"


class Role(IntEnum):
    """What a caller is to a resource, or to the deployment; each may do what those before it may. Named as in
    the contract, where `UNSPECIFIED` is for administrators only."""

    UNSPECIFIED = 0
    ANYONE = 1
    CALLER = 2
    VIEWER = 3
    PREDICTOR = 4
    EDITOR = 5
    OWNER = 6
    ADMIN = 7

    @property
    def told(self) -> str:
        """As people write it."""
        return self.name.lower()


class Rule(NamedTuple):
    """The least that a caller must be, and the path of the field that names on what; empty where the method
    concerns no resource, or filters by itself."""

    role: Role = Role.UNSPECIFIED
    resource: str = ""


def rules_of(
    service: str, declared: Mapping[str, Rule] | None = None, pool: DescriptorPool | None = None
) -> dict[str, Rule]:
    """The rule of every method of a service, by name; `declared` stands in for the options of a contract that
    is not ours. Raises ValueError for a rule that names a field which is not there."""
    known = pool or descriptor_pool.Default()
    option = _extension(known)
    rules = {}
    for method in service_of(service, pool).methods:
        rule = (declared or {}).get(method.name) or _read(method, option)
        _check(method, rule)
        rules[method.name] = rule
    return rules


def _extension(pool: DescriptorPool) -> Any:
    try:
        return pool.FindExtensionByName(OPTION)
    except KeyError:
        return None


def _read(method: MethodDescriptor, option: Any) -> Rule:
    options = method.GetOptions()
    if option is None or not options.HasExtension(option):
        return Rule()
    said = options.Extensions[option]
    names = said.DESCRIPTOR.fields_by_name["role"].enum_type.values_by_number
    return Rule(Role[names[said.role].name.removeprefix("ACCESS_ROLE_")], said.resource)


def _check(method: MethodDescriptor, rule: Rule) -> None:
    if (rule.role in _OF_A_RESOURCE) != bool(rule.resource):
        raise ValueError(f"{method.full_name}: {rule.role.told} needs a resource, and only such a role does")
    if rule.resource and method.client_streaming:
        raise ValueError(f"{method.full_name}: each message of a stream names its own resource; say CALLER")
    message: Descriptor | None = method.input_type
    for part in rule.resource.split(".") if rule.resource else ():
        field = message.fields_by_name.get(part) if message is not None else None
        if field is None:
            raise ValueError(f"{method.full_name}: there is no field {rule.resource} in its request")
        message = field.message_type


_OF_A_RESOURCE = frozenset((Role.VIEWER, Role.PREDICTOR, Role.EDITOR, Role.OWNER))
