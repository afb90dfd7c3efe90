"""An answer before a check: who looks at it, and what comes of it."""

from contextlib import suppress
from typing import Any

from google.protobuf.json_format import MessageToDict
from turnout.inference.v1.input_pb2 import Input
from turnout.inference.v1.manifest_pb2 import PARTICIPANT_ROLE_VERIFIER
from turnout.inference.v1.output_pb2 import Output
from turnout.router.v1.model_pb2 import PROTOCOL_OPENAI_CHAT

from services.aggregator import prompts
from services.aggregator.canonical import Json, NotJson, canonical, parse, parse_told
from services.aggregator.checks.check import Check, Ruling
from services.aggregator.checks.condition import Condition, NotEvaluated
from services.aggregator.checks.schema import BadSchema, Schema
from services.aggregator.checks.verifier import NoVerdict, Verifier
from services.aggregator.session import Session
from services.aggregator.testimony import Vote
from services.aggregator.wording import answer_of, columns_of, question_of


async def rule(session: Session, check: Check, vote: Vote, step: str = "", later: float = 0.0) -> Ruling:
    """Whether the answer will do. `later`: seconds that others may need afterwards."""
    match check.kind:
        case Verifier() as verifier:
            ruling = await _verified(session, verifier, vote.output, step, later)
        case Schema() as schema:
            ruling = _fits(schema, vote.output)
        case Condition() as condition:
            ruling = holds(condition, session.given, vote)
    session.desk.watch.checked(session.router, ruling)
    return ruling._replace(accepted=check.accept_on_failure) if ruling.failed else ruling


def unread(session: Session, check: Check | None) -> list[str]:
    """Sentences about settings of a verifier that its model, which only now is known, does not read."""
    kind = check.kind if check is not None else None
    protocol = session.protocol(kind.helper) if isinstance(kind, Verifier) else 0
    if not (isinstance(kind, Verifier) and protocol):
        return []
    chat = protocol == PROTOCOL_OPENAI_CHAT
    does = "a chat model, whose verdict is JSON" if chat else "a classifier, whose verdict is a label"
    return [f"{name} has no effect: {kind.helper.model} is {does}" for name in kind.unread(chat=chat)]


async def _verified(session: Session, verifier: Verifier, output: Output, step: str, later: float) -> Ruling:
    chat = session.protocol(verifier.helper) == PROTOCOL_OPENAI_CHAT
    answer = answer_of(output)
    if chat:
        given = prompts.audit(question_of(session.given), answer, verifier.rubric, verifier.schema.given)
    else:
        given = Input(text=answer)
    seat = session.seat(
        verifier.helper,
        PARTICIPANT_ROLE_VERIFIER,
        given=given,
        step=step,
        rank=len(session.entries),
        later=later,
    )
    entry = await session.ask(seat)
    if not entry.answered:
        return Ruling(False, f"the verifier failed: {entry.tell()}", failed=True)
    try:
        accepted, reason = verifier.verdict(entry.output)
    except (NoVerdict, BadSchema) as wrong:
        entry.spoilt, entry.excused = str(wrong), True
        return Ruling(False, f"the verifier failed: {entry.tell()}", failed=True)
    entry.contribute()
    return Ruling(accepted, reason)


def _fits(schema: Schema, output: Output) -> Ruling:
    try:
        complaint = schema.complaint(json_of(output))
    except NotJson as wrong:
        return Ruling(False, f"the answer is no JSON: {wrong}")
    except BadSchema as wrong:
        return Ruling(False, f"the schema failed: {wrong}", failed=True)
    return Ruling(not complaint, complaint)


def holds(condition: Condition, given: Input, vote: Vote) -> Ruling:
    """Of a batch in every row."""
    names, rows = names_of(given, vote), vote.ballot.answer.rows
    for row in range(rows):
        try:
            if condition.holds(names if rows == 1 else names | _of_row(vote, row)):
                continue
        except NotEvaluated as wrong:
            return Ruling(False, f"the condition failed: {wrong}", failed=True)
        where = f"row {row}: " if rows > 1 else ""
        return Ruling(False, f"{where}not so: {condition.text[:120]}")
    return Ruling(True, "")


def _of_row(vote: Vote, row: int) -> dict[str, Any]:
    """What one row of a batch changes of the names."""
    output, names = vote.output, dict[str, Any]()
    confidence = vote.ballot.confidence
    if confidence is not None:
        names["confidence"] = float(confidence[row])
    if output.HasField("classification"):
        said, spread = output.classification.rows[row], output.classification.probabilities
        pairs = zip(spread, said.probabilities, strict=False)
        names |= {"label": said.label, "probabilities": {each.label: chance for each, chance in pairs}}
    elif output.HasField("regression"):
        names["value"] = output.regression.values[row]
    return names


def json_of(output: Output) -> Json:
    """The answer as JSON: a structure, the JSON in a text, or the calls of tools. Raises NotJson."""
    match output.WhichOneof("kind"):
        case "json":
            return canonical(MessageToDict(output.json))
        case "text" if not output.text.tool_calls:
            return parse_told(output.text.content)
        case "text":
            calls = output.text.tool_calls
            return [{"name": call.name, "arguments": parse(call.arguments or "{}")} for call in calls]
        case kind:
            raise NotJson(f"a text, a structure or calls of tools expected, got {kind}")


def names_of(given: Input, vote: Vote) -> dict[str, Any]:
    """What a condition can speak of; what the answer does not have is left out. Of a batch the first row."""
    output, names = vote.output, dict[str, Any]()
    confidence = vote.ballot.confidence
    if confidence is not None:
        names["confidence"] = float(confidence.min())
    match output.WhichOneof("kind"):
        case "classification":
            names["label"] = output.classification.label
            spread = output.classification.probabilities
            names["probabilities"] = {each.label: each.probability for each in spread}
        case "regression":
            names["value"] = output.regression.values[0]
        case "text":
            names["text"] = output.text.content
    # Without it the name is undefined, and a condition on it fails.
    with suppress(NotJson):
        names["json"] = json_of(output)
    columns = columns_of(given)
    names["input"] = columns or {"text": question_of(given)}
    return names
