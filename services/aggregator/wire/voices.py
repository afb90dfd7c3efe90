"""Members and helpers out of their messages."""

from collections.abc import Sequence

from google.protobuf.duration_pb2 import Duration
from turnout.aggregator.v1 import aggregator_service_pb2 as wire
from turnout.router.v1 import ensemble_pb2
from turnout.router.v1.overrides_pb2 import Overrides

from services.aggregator.errors import Problems
from services.aggregator.voices import Helper, Member
from services.state.names import ID, ID_RULE, BadName, id_of, resource_name

NO_PROMPT = "left out: what a helper is told is its rubric or instruction"


def read_members(given: wire.Plan, problems: Problems) -> tuple[Member, ...]:
    """In declared order; those that the ensemble's `members` pick, where it does."""
    how, shared = given.ensemble, None
    if how.HasField("member_timeout"):
        shared = _seconds(how.member_timeout, "plan.ensemble.member_timeout", problems)
    members = tuple(
        _member(member, f"plan.members[{index}]", shared, problems)
        for index, member in enumerate(given.members)
    )
    _distinct(members, problems)
    picked = given.ensemble.members
    known = {member.variant for member in members}
    for index, name in enumerate(picked):
        if name not in known:
            said = f"one of {', '.join(sorted(known))} expected, got '{name[:100]}'"
            problems[f"plan.ensemble.members[{index}]"] = said
        elif name in picked[:index]:
            problems[f"plan.ensemble.members[{index}]"] = f"'{name}' is named twice"
    return tuple(member for member in members if not picked or member.variant in picked)


def read_helper(given: ensemble_pb2.Helper, path: str, problems: Problems) -> Helper:
    """`path` is where the plan names it."""
    model = _model(given.model, path, problems)
    overrides = given.overrides if given.overrides.ListFields() else None
    if given.overrides.system_prompt:
        problems[f"{path}.overrides.system_prompt"] = NO_PROMPT
    timeout = _seconds(given.timeout, f"{path}.timeout", problems) if given.HasField("timeout") else None
    return Helper(model, timeout, overrides, path)


def _member(given: wire.Member, path: str, shared: float | None, problems: Problems) -> Member:
    model = _model(given.model, path, problems)
    timeout = shared
    if given.HasField("timeout"):
        own = _seconds(given.timeout, f"{path}.timeout", problems)
        timeout = own if shared is None else min(own, shared)
    threshold = given.threshold if given.HasField("threshold") else None
    if threshold is not None and not 0 <= threshold <= 1:
        problems[f"{path}.threshold"] = f"a probability from 0 to 1 expected, got {threshold:g}"
    # It goes into messages, metrics and logs.
    if given.variant and not ID.fullmatch(given.variant):
        problems[f"{path}.variant"] = f"{ID_RULE} expected, got {given.variant[:100]!r}"
    weight = given.weight if given.HasField("weight") else None
    variant = given.variant or id_of(model).replace("@", "-")
    return Member(variant, model, weight, timeout, threshold, _overrides(given), path)


def _seconds(given: Duration, path: str, problems: Problems) -> float:
    found = given.seconds + given.nanos / 1e9
    if found <= 0:
        problems[path] = f"more than 0 s expected, got {found:g} s"
    return found


def _model(given: str, path: str, problems: Problems) -> str:
    if given.count("@") == 1 and all(map(ID.fullmatch, given.removeprefix("models/").split("@"))):
        return f"models/{id_of(given)}"
    try:
        return resource_name("models", given, f"{path}.model")
    except BadName as wrong:
        for violation in wrong.fields:
            problems[violation.field] = violation.description
    return ""


def _overrides(given: wire.Member) -> Overrides | None:
    """What a member does otherwise, None where nothing; its own threshold among it."""
    found = Overrides()
    found.CopyFrom(given.overrides)
    if given.HasField("threshold"):
        found.threshold = given.threshold
    return found if found.ListFields() else None


def _distinct(members: Sequence[Member], problems: Problems) -> None:
    seen: set[str] = set()
    for index, member in enumerate(members):
        if member.variant and member.variant in seen:
            said = f"'{member.variant}' is used twice; members of the same model need variants of their own"
            problems[f"plan.members[{index}].variant"] = said
        seen.add(member.variant)
