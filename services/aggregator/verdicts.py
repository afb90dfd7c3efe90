"""From votes to one verdict, with the help of other models where the method wants it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from turnout.inference.v1.input_pb2 import Input, Tensor, TensorContents, TensorInput
from turnout.inference.v1.manifest_pb2 import PARTICIPANT_ROLE_EMBEDDER, PARTICIPANT_ROLE_META

from services.aggregator.answers import (
    Answer,
    Ballot,
    Classes,
    Floats,
    Numbers,
    Taken,
    Tensors,
    Vectors,
    Verdict,
    kind_of,
)
from services.aggregator.asking import Entry
from services.aggregator.combiners import COMBINERS
from services.aggregator.combiners.kinds import TAKES
from services.aggregator.combiners.panel import refusal, uniform
from services.aggregator.combiners.stacking import design_matrix, unread
from services.aggregator.errors import CannotCombine, Unreadable
from services.aggregator.learnt import Layout
from services.aggregator.plan import Plan
from services.aggregator.recipe import Recipe
from services.aggregator.session import Session
from services.aggregator.sound import aimless
from services.aggregator.testimony import Vote
from services.aggregator.voices import Helper
from services.aggregator.wire.answers import read_answer
from services.aggregator.wording import answer_of
from services.models.datatypes import DATATYPES

DEFAULT_INPUT = "input"


@dataclass(frozen=True, slots=True, eq=False)
class Deliberation:
    """A verdict, the recipe that made it, and what is to be told beside it. `helped`: nobody whose help was
    needed has failed."""

    verdict: Verdict
    recipe: Recipe
    notes: tuple[str, ...] = ()
    helped: bool = True


async def deliberate(plan: Plan, session: Session, votes: Sequence[Vote]) -> Deliberation:
    """Combine the votes, in declared order. Raises CannotCombine."""
    ballots = [vote.ballot for vote in votes]
    if plan.meta is not None:
        return await _stacked(plan, plan.meta, session, ballots)
    recipe = plan.recipe
    if plan.embedder is not None and not isinstance(ballots[0].answer, Vectors):
        uniform(ballots)
        texts = [answer_of(vote.output) for vote in votes]
        vectors, entry = await embedded(session, plan.embedder, texts)
        if vectors is None:
            return fallback(ballots, recipe, f"the embedder failed: {entry.tell()}")
        recipe = replace(recipe, options=replace(recipe.options, vectors=vectors))
        entry.contribute()
    return Deliberation(COMBINERS[recipe.method](ballots, recipe), recipe)


async def embedded(session: Session, helper: Helper, texts: Sequence[str]) -> tuple[Floats | None, Entry]:
    """A vector per text, in one call of a batch: a tensor of BYTES, one element each."""
    handle = session.desk.find(helper.model)
    name = handle.model.signature.layout.input_name if handle is not None else ""
    contents = TensorContents(bytes_contents=[text.encode() for text in texts])
    tensor = Tensor(name=name or DEFAULT_INPUT, datatype="BYTES", shape=[len(texts)], contents=contents)
    given = Input(tensors=TensorInput(tensors=[tensor]))
    seat = session.seat(helper, PARTICIPANT_ROLE_EMBEDDER, given=given, rank=len(session.entries))
    entry = await session.ask(seat)
    if not entry.answered:
        return None, entry
    try:
        answer = read_answer(entry.output)
    except Unreadable as wrong:
        entry.spoilt = f"malformed answer: {wrong}"
        return None, entry
    vectors = _vectors(answer)
    if vectors is None or len(vectors) != len(texts):
        entry.spoilt = f"malformed answer: {len(texts)} vectors expected, one per text"
        return None, entry
    if (bad := aimless(vectors)) >= 0:
        said = f"that of text {bad + 1} has no direction"
        entry.spoilt = f"malformed answer: finite vectors of a length above 0 expected; {said}"
        return None, entry
    return vectors, entry


async def _stacked(plan: Plan, meta: Helper, session: Session, ballots: Sequence[Ballot]) -> Deliberation:
    """What a registered meta-model makes of the answers."""
    uniform(ballots)
    if kind_of(ballots[0].answer) not in TAKES["stacking"]:
        raise refusal(ballots, "stacking")
    layout = Layout(tuple(member.variant for member in plan.members), _labels(session, meta, ballots))
    deaf = unread(ballots, layout.labels)
    given, notes = _matrix(ballots, layout)
    seat = session.seat(
        meta, PARTICIPANT_ROLE_META, given=_tensor(session, meta, given), rank=len(session.entries)
    )
    entry = await session.ask(seat)
    if not entry.answered:
        return fallback(ballots, plan.recipe, f"the meta-model failed: {entry.tell()}")
    try:
        answer = read_answer(entry.output)
    except Unreadable as wrong:
        entry.spoilt = f"malformed answer: {wrong}"
    else:
        if not isinstance(answer, Classes | Numbers):
            entry.spoilt = f"malformed answer: labels or numbers expected, got {kind_of(answer)}"
        elif answer.rows == len(given):
            entry.contribute()
            shares = np.full((len(ballots), answer.rows), 1 / len(ballots))
            verdict = Verdict(answer, shares, np.zeros(answer.rows, dtype=np.bool_))
            return Deliberation(verdict, plan.recipe, (*notes, *deaf))
        else:
            entry.spoilt = f"malformed answer: {len(given)} rows expected, got {answer.rows}"
    return fallback(ballots, plan.recipe, f"the meta-model failed: {entry.tell()}")


def fallback(ballots: Sequence[Ballot], recipe: Recipe, why: str) -> Deliberation:
    """The answer of the most confident member, of the first declared where nobody says how confident it is:
    never one at random. Of a batch the least confident row counts."""
    chosen, rule = most_confident(ballots)
    shares = np.zeros((len(ballots), ballots[chosen].answer.rows))
    shares[chosen] = 1
    verdict = Verdict(Taken(chosen), shares, np.zeros(shares.shape[1], dtype=np.bool_))
    note = f"{why}; the answer is that of {ballots[chosen].member}, {rule}"
    return Deliberation(verdict, recipe, (note,), helped=False)


def most_confident(ballots: Sequence[Ballot]) -> tuple[int, str]:
    """Whose answer stands in for one that nobody could choose, and by which rule."""
    sure = [-1.0 if ballot.confidence is None else float(ballot.confidence.min()) for ballot in ballots]
    best = max(sure)
    return sure.index(best), "the most confident" if best >= 0 else "the first declared that answered"


def _labels(session: Session, meta: Helper, ballots: Sequence[Ballot]) -> tuple[str, ...]:
    """In the order that the meta-model declares, else the first member's, if all agree on it."""
    panel = [ballot.answer for ballot in ballots if isinstance(ballot.answer, Classes)]
    if not panel:
        return ()
    handle = session.desk.find(meta.model)
    model = handle.model if handle is not None else None
    if model is not None and (declared := model.signature.outputs.class_order):
        return tuple(model.label_map.get(name, name) for name in declared)
    if any(answer.labels != panel[0].labels for answer in panel):
        said = "the members list their labels in different orders, and the meta-model declares none"
        raise CannotCombine(f"{said}: give it a signature.outputs.class_order")
    return panel[0].labels


def _matrix(ballots: Sequence[Ballot], layout: Layout) -> tuple[Floats, tuple[str, ...]]:
    """[rows, columns]. Who is absent says nothing: each label is as likely as another, each number the mean
    of those that were given."""
    matrix = design_matrix(ballots, layout)
    answered = {ballot.member for ballot in ballots}
    absent = [member for member in layout.members if member not in answered]
    if not absent:
        return matrix, ()
    gaps = np.isnan(matrix)
    fill = 1 / layout.width if layout.labels else np.nanmean(matrix, axis=1, keepdims=True)
    filled = np.where(gaps, fill, matrix)
    stands = "equal probabilities" if layout.labels else "the mean of the others"
    return filled, (f"{', '.join(absent)} gave no answer; the meta-model read {stands} instead",)


def _tensor(session: Session, meta: Helper, matrix: Floats) -> Input:
    """The matrix under the name and in the type that the meta-model declares."""
    handle = session.desk.find(meta.model)
    takes = handle.wire.takes if handle is not None else {}
    layout = handle.model.signature.layout if handle is not None else None
    name = next(iter(takes), "") or (layout.input_name if layout is not None else "") or DEFAULT_INPUT
    datatype = takes[name][0].name if name in takes else (layout.datatype if layout is not None else "")
    kind = DATATYPES.get(datatype or "FP64", DATATYPES["FP64"])
    raw = matrix.astype(f"<{kind.code}").tobytes()
    tensor = Tensor(name=name, datatype=kind.name, shape=list(matrix.shape))
    return Input(tensors=TensorInput(tensors=[tensor], raw_contents=[raw]))


def _vectors(answer: Answer) -> Floats | None:
    """[rows, dimension]; of an embedding, or of a model that passes on one tensor of numbers."""
    if isinstance(answer, Vectors):
        return answer.values
    if isinstance(answer, Tensors) and len(answer.tensors) == 1:
        (array,) = answer.tensors.values()
        if array.ndim == 2 and array.dtype.kind == "f":
            return np.asarray(array, dtype=np.float64)
    return None
