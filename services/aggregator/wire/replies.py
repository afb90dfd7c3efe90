"""What came of a plan, or of answers that were handed in, as replies and manifests tell it."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

import numpy as np
from turnout.aggregator.v1.aggregator_service_pb2 import AggregateResponse, InferResponse
from turnout.inference.v1.manifest_pb2 import (
    OUTCOME_DISCARDED,
    OUTCOME_FAILED,
    OUTCOME_SKIPPED,
    Aggregation,
    Participant,
)
from turnout.inference.v1.output_pb2 import Output

from services.aggregator.agreement import agreement, concord, cosine_distance, dispersion, distance
from services.aggregator.answers import Ballot, Classes, Taken, Verdict
from services.aggregator.asking import Entry
from services.aggregator.errors import CannotCombine
from services.aggregator.recipe import PLAIN, Recipe
from services.aggregator.wire.answers import write_answer
from services.models.answer import MESSAGE_LENGTH, Answer
from services.models.participation import described


def write_participant(entry: Entry, found: Participant) -> None:
    """One attempt, or why there was none, into an empty Participant."""
    seat = entry.seat
    found.model, found.variant, found.role = seat.model, seat.voice.variant, seat.role
    found.step, found.attempt = seat.step, entry.number
    result = entry.outcome
    if result is None:
        found.outcome = OUTCOME_SKIPPED
        found.error_message = entry.trouble[:MESSAGE_LENGTH]
        if not isinstance(entry.skipped, str):
            found.error_code = entry.skipped.code
        return
    if seat.handle is not None:
        found.version = seat.handle.version
    # Setting each field takes three times as long.
    found.MergeFromString(described(result, OUTCOME_DISCARDED if entry.used is None else entry.used))
    if entry.spoilt:
        found.outcome, found.error_code = OUTCOME_FAILED, "INTERNAL"
        found.error_message = entry.spoilt[:MESSAGE_LENGTH]
        found.excused = entry.excused
    if entry.weight is not None:
        found.weight = entry.weight


def write_entries(reply: InferResponse, entries: Iterable[Entry]) -> None:
    """Every attempt once, by rank, and in the order in which they began where that is the same."""
    for index, entry in enumerate(sorted(entries, key=lambda entry: entry.seat.rank)):
        write_participant(entry, reply.participants.add())
        if entry.answered and isinstance(entry.result, Answer):
            # Into its place as it came: nobody else needs the message.
            reply.outputs.add(participant=index).output.MergeFromString(entry.result.encoded)


def write_panel(
    told: Aggregation, ballots: Sequence[Ballot], verdict: Verdict | None, recipe: Recipe = PLAIN
) -> None:
    """How the answers relate to each other, and to the verdict if there is one. Agreement, divergence and
    distance speak of the first row, tie and dissent of any."""
    if len({ballot.answer.rows for ballot in ballots}) != 1:
        return
    tolerance = recipe.options.tolerance
    # The verdict stands where its parts could be compared, and the whole is too large for it.
    with suppress(CannotCombine):
        if verdict is None:
            agreed = agreement(ballots, tolerance)
        else:
            agreed, dissent = concord(ballots, verdict, tolerance)
            told.dissenting.extend(dissent)
        if agreed is not None:
            told.agreement = agreed[0]
    if (spread := dispersion(ballots)) is not None:
        told.divergence = spread[0]
    vectors = recipe.options.vectors
    if vectors is not None and len(vectors) > 1:
        told.distance = float(cosine_distance(vectors))
    elif (apart := distance(ballots)) is not None:
        told.distance = apart[0]
    if verdict is not None:
        told.tie = bool(np.count_nonzero(verdict.tied))
        if (sure := _confidence(ballots, verdict)) is not None:
            told.confidence = sure


def _confidence(ballots: Sequence[Ballot], verdict: Verdict) -> float | None:
    """Of the first row; None where neither the method nor the answer has one."""
    answer, sure = verdict.answer, verdict.confidence
    if sure is None and isinstance(answer, Taken):
        sure = ballots[answer.ballot].confidence
    elif sure is None and isinstance(answer, Classes) and answer.probabilities is not None:
        return float(answer.probabilities[0, answer.chosen[0]])
    return None if sure is None else float(sure[0])


def write_aggregate(
    recipe: Recipe,
    outputs: Sequence[Output],
    ballots: Sequence[Ballot],
    verdict: Verdict,
    idle: Sequence[str] = (),
) -> AggregateResponse:
    """The reply to outputs that were handed in: all of them were wanted, and came. `idle`: what of the
    request did nothing."""
    told = Aggregation(method=recipe.method, quorum_wanted=len(ballots), quorum_met=len(ballots))
    write_panel(told, ballots, verdict, recipe)
    return AggregateResponse(
        output=write_answer(verdict, outputs), aggregation=told, warnings=[*idle, *verdict.notes]
    )
