"""What a step is asked: the request, a filled template, or the request's columns and more of them."""

from collections.abc import Mapping

from turnout.inference.v1.input_pb2 import ChatInput, Input

from services.aggregator.answers import kind_of
from services.aggregator.canonical import Json, NotJson, key_of
from services.aggregator.checking import json_of
from services.aggregator.plan import Step
from services.aggregator.pointers import compiled, resolve
from services.aggregator.prompts import replying_to
from services.aggregator.references import COLUMN, INPUT, POINTER, PROBABILITY, Reference, Unresolved, Value
from services.aggregator.sound import WORDLESS, WORDS
from services.aggregator.testimony import Vote
from services.aggregator.wording import answer_of, columns_of, question_of


def asked_of(step: Step, given: Input, said: Mapping[str, Vote | None], *, last: bool = False) -> Input:
    """`said` by the name of the step; None for one that did not answer. `last`: its answer is the reply, so
    that what the request says of the reply is said to it. Raises Unresolved."""
    parsed: dict[str, Json] = {}
    if step.template is not None:
        text = step.template.fill(lambda reference: look(reference, given, said, parsed))
        return _text(given, text, last=last)
    if not step.columns:
        return given
    found = {name: look(reference, given, said, parsed) for name, reference in step.columns.items()}
    return _with_columns(given, {name: value for name, value in found.items() if value is not None})


def look(
    reference: Reference, given: Input, said: Mapping[str, Vote | None], parsed: dict[str, Json]
) -> Value:
    """What the reference means now; None where its step did not answer. `parsed` keeps the JSON of answers,
    by step: a large one must not be read once for each of many references. Raises Unresolved, also for a
    batch: what is asked next is one question."""
    if reference.step == INPUT:
        return _of_input(reference, given)
    vote = said[reference.step]
    if vote is None:
        return None
    if (rows := vote.ballot.answer.rows) > 1:
        raise Unresolved(f"{reference}: an answer to one row expected, got {rows} rows")
    found = _pointed(reference, vote, parsed) if reference.part == POINTER else _part(reference, vote)
    if found is None:
        raise Unresolved(f"{reference}: there is none in the answer of that step")
    return found


def _of_input(reference: Reference, given: Input) -> Value:
    if reference.part != COLUMN:
        return question_of(given)
    columns = columns_of(given)
    if reference.rest not in columns:
        raise Unresolved(f"{reference}: the request has no such column")
    return _scalar(reference, columns[reference.rest])


def _part(reference: Reference, vote: Vote) -> Value:
    output, part = vote.output, reference.part
    if part == "confidence":
        confidence = vote.ballot.confidence
        return None if confidence is None else float(confidence[0])
    if part == "label":
        return output.classification.label or None
    if part == PROBABILITY:
        spread = {each.label: each.probability for each in output.classification.probabilities}
        return spread.get(reference.rest)
    if part == "value":
        return output.regression.values[0] if output.regression.values else None
    if part == "text":
        return output.text.content if output.HasField("text") else None
    if kind_of(vote.ballot.answer) in WORDLESS:
        raise Unresolved(f"{reference}: {WORDS} expected, got {kind_of(vote.ballot.answer)}")
    return output.regression.values[0] if output.HasField("regression") else answer_of(output)


def _pointed(reference: Reference, vote: Vote, parsed: dict[str, Json]) -> Value:
    try:
        if reference.step not in parsed:
            parsed[reference.step] = json_of(vote.output)
        return _scalar(reference, resolve(parsed[reference.step], compiled(reference.rest)))
    except NotJson as wrong:
        raise Unresolved(f"{reference}: {wrong}") from wrong
    except LookupError as wrong:
        raise Unresolved(f"{reference}: {wrong.args[0]}") from wrong


def _scalar(reference: Reference, found: object) -> Value:
    """A scalar as it is; a list or an object as JSON; null as nothing."""
    if found is None or isinstance(found, str | bool | int | float):
        return found
    if isinstance(found, list | dict):
        structure: Json = found
        return key_of(structure)
    raise Unresolved(f"{reference}: a value of JSON expected, got {type(found).__name__}")


def _text(given: Input, text: str, *, last: bool) -> Input:
    if not given.HasField("chat"):
        return Input(text=text)
    chat = replying_to(given.chat) if last else ChatInput()
    chat.sampling.CopyFrom(given.chat.sampling)
    chat.messages.add(role="user", content=text)
    return Input(chat=chat)


def _with_columns(given: Input, columns: Mapping[str, str | float | bool]) -> Input:
    """The request's record with more columns; of a request without columns a record of these alone."""
    found = Input()
    if given.HasField("row"):
        found.CopyFrom(given)
        found.row.update(dict(columns))
        return found
    if given.HasField("tabular"):
        found.CopyFrom(given)
    for name, value in columns.items():
        if isinstance(value, str):
            found.tabular.categorical_features[name] = value
        else:
            found.tabular.numeric_features[name] = float(value)
    return found
