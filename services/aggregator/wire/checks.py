"""Checks out of their messages."""

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from turnout.router.v1 import ensemble_pb2

from services.aggregator.checks.check import Check
from services.aggregator.checks.condition import BadCondition, Condition
from services.aggregator.checks.schema import BadSchema, Schema
from services.aggregator.checks.verifier import ACCEPT, MIN_SCORE, Verifier
from services.aggregator.errors import Problems
from services.aggregator.pointers import compiled
from services.aggregator.prompts import VERDICT
from services.aggregator.wire.voices import read_helper
from services.foundation.nesting import DEEPEST, DEEPEST_VERDICT, is_too_deep
from services.foundation.schema_places import unreached

LONGEST_RUBRIC = 32_768


def read_check(given: ensemble_pb2.Check, path: str, problems: Problems) -> Check | None:
    """None where something is wrong with it."""
    kind: Verifier | Schema | Condition | None = None
    match given.WhichOneof("kind"):
        case "verifier":
            kind = _verifier(given.verifier, f"{path}.verifier", problems)
        case "json_schema":
            kind = _schema(given.json_schema, f"{path}.json_schema", problems)
        case "cel":
            kind = _condition(given.cel, f"{path}.cel", problems)
        case _:
            problems[path] = "one of verifier, json_schema, cel expected"
    if given.on_failure not in ensemble_pb2.CheckFailure.values():
        offered = ", ".join(ensemble_pb2.CheckFailure.keys()[1:])
        problems[f"{path}.on_failure"] = f"one of {offered} expected, got {given.on_failure}"
    return Check(kind, given.on_failure == ensemble_pb2.CHECK_FAILURE_ACCEPT) if kind is not None else None


def check_text(text: str, path: str, problems: Problems) -> str:
    """A text for a prompt."""
    if len(text) > LONGEST_RUBRIC:
        problems[path] = f"at most {LONGEST_RUBRIC} characters expected, got {len(text)}"
    return text


def _verifier(given: ensemble_pb2.Verifier, path: str, problems: Problems) -> Verifier | None:
    helper = read_helper(given.helper, f"{path}.helper", problems)
    schema: Schema | None = Schema(VERDICT)
    if given.HasField("verdict_schema"):
        schema = _schema(given.verdict_schema, f"{path}.verdict_schema", problems, DEEPEST_VERDICT)
    pointer = given.accept_pointer or ACCEPT
    try:
        compiled(pointer)
    except ValueError as wrong:
        problems[f"{path}.accept_pointer"] = str(wrong)
    else:
        if (
            schema is not None
            and given.HasField("verdict_schema")
            and (said := unreached(schema.given, pointer))
        ):
            problems[f"{path}.verdict_schema"] = said
    if pointer != ACCEPT and not given.HasField("verdict_schema"):
        problems[f"{path}.accept_pointer"] = f"needs verdict_schema: a verdict without one has {ACCEPT} only"
    score = given.min_score if given.HasField("min_score") else MIN_SCORE
    if not 0 <= score <= 1:
        problems[f"{path}.min_score"] = f"a score from 0 to 1 expected, got {score:g}"
    rubric = check_text(given.rubric, f"{path}.rubric", problems)
    if schema is None:
        return None
    return Verifier(helper, schema, rubric, pointer, score, frozenset(given.accept_labels))


def _schema(given: Struct, path: str, problems: Problems, deepest: int = DEEPEST) -> Schema | None:
    if is_too_deep(given, deepest):
        problems[path] = f"JSON of at most {deepest} levels expected"
        return None
    try:
        return Schema(MessageToDict(given))
    except (BadSchema, ValueError) as wrong:
        problems[path] = str(wrong)
    return None


def _condition(given: str, path: str, problems: Problems) -> Condition | None:
    try:
        return Condition(given)
    except BadCondition as wrong:
        problems[path] = str(wrong)
    return None
