"""A plan from its first question to one reply that accounts for everybody."""

from collections.abc import Iterable
from typing import NamedTuple

from turnout.aggregator.v1.aggregator_service_pb2 import InferResponse
from turnout.inference.v1.manifest_pb2 import Aggregation

from services.aggregator.asking import Entry
from services.aggregator.combiners import COMBINERS
from services.aggregator.desk import Panel
from services.aggregator.errors import CannotCombine, CostLimitReached, QuorumNotMet
from services.aggregator.patterns import PATTERNS, Decided
from services.aggregator.plan import Jury, Plan, Sequence, Specialists
from services.aggregator.polling import listed
from services.aggregator.recipe import PLAIN
from services.aggregator.session import Session
from services.aggregator.stopping import can_stop
from services.aggregator.wire.replies import write_entries, write_panel
from services.aggregator.worth import worth
from services.foundation.errors import TurnoutError
from services.models.answer import Answer
from services.models.errors import InputRefused


async def run(session: Session) -> InferResponse:
    """The reply: an output, or the reason why there is none, and every attempt exactly once. Raises what the
    caller got wrong before anybody was asked."""
    plan = session.plan
    try:
        decided = await PATTERNS[plan.pattern.name](plan, session)
    except (QuorumNotMet, CostLimitReached, CannotCombine, InputRefused) as failure:
        decided = Decided(error=failure, complete=False)
    session.desk.watch.finished(session.router, plan.pattern.name, session.entries, decided.stopped_early)
    reply = InferResponse(warnings=plan.warnings)
    if decided.error is not None:
        _report(reply, decided.error)
    elif decided.output is not None:
        reply.output.CopyFrom(decided.output)
    write_entries(reply, session.entries)
    _tell(reply, session, decided)
    _aggregated(reply.aggregation, session, decided)
    _show(session, decided, reply.aggregation)
    return reply


def _report(reply: InferResponse, failure: TurnoutError) -> None:
    reply.error_code, reply.error_reason = failure.code, failure.reason
    reply.error_message = failure.message


def _tell(reply: InferResponse, session: Session, decided: Decided) -> None:
    """Whether anybody is missing, and who."""
    missing = _missing(session)
    reply.degraded = bool(missing) or not decided.complete
    reply.warnings.extend(decided.notes)
    untold = [entry for entry in missing if not entry.told]
    if untold and decided.error is None:
        heard = {entry.seat.voice.variant for entry in session.entries if entry.answered}
        told = [f"{_called(entry, heard, session.plan)}: {entry.trouble}" for entry in untold]
        reply.warnings.append(f"without an answer: {listed(told)}")
    if stranger := session.purse.stranger:
        reply.warnings.append(
            f"max_cost counts {session.purse.currency}; calls in {stranger} are not counted"
        )
    if exceeded := session.purse.exceeded:
        reply.warnings.append(exceeded)


def _called(entry: Entry, heard: set[str], plan: Plan) -> str:
    """Who is missing; of a member that answered some of the times, that it is one of them."""
    voice = entry.seat.voice
    some = voice.variant in heard and plan.samples > 1
    return f"{voice.variant} (one of {plan.samples} answers)" if some else voice.variant or voice.model


def _missing(session: Session) -> list[Entry]:
    """Whoever should have answered and has not, by the last attempt on each question."""
    last = {entry.seat: entry for entry in session.entries}
    return [entry for entry in last.values() if not entry.answered and not entry.spared]


def _aggregated(told: Aggregation, session: Session, decided: Decided) -> None:
    """What became of the panel, into an empty Aggregation."""
    plan = session.plan
    members = {entry.seat.voice.variant for entry in session.entries if entry.answered}
    told.method = plan.recipe.method if isinstance(plan.pattern, Jury) else plan.pattern.name
    told.pattern = plan.pattern.name
    told.quorum_wanted, told.quorum_met = _wanted(plan), len(members - {""})
    told.full_panel, told.stopped_early = decided.full, decided.stopped_early
    told.rounds = decided.rounds
    if not decided.votes:
        return
    ballots = [vote.ballot for vote in decided.votes]
    recipe = decided.recipe or PLAIN
    write_panel(told, ballots, decided.verdict, recipe)
    # Each member's worth costs one more verdict; a share of the panels tells it as well as all of them.
    if _weighed(session, decided):
        found = worth(ballots, recipe, COMBINERS[recipe.method])
        told.pivotal.extend(one.member for one in found if one.changed.any())
    told.representative = _representative(session, decided)


def _weighed(session: Session, decided: Decided) -> bool:
    plan = session.plan
    whole = isinstance(plan.pattern, Jury) and plan.meta is None and decided.full and decided.complete
    return whole and session.sampled


def _representative(session: Session, decided: Decided) -> bool:
    """A vote that may stop early asks everybody when its members differ: only those that were to be full
    beforehand are like the others."""
    plan = session.plan
    censored = isinstance(plan.pattern, Jury) and can_stop(plan.recipe) and len(plan.members) > 1
    # What stands in for a judge, an embedder or a meta-model that failed is not what the members came to.
    return decided.full and decided.complete and (not censored or session.sampled)


def _wanted(plan: Plan) -> int:
    """Answers that are required: of a sequence any, of a graph those of the steps that are not optional."""
    match plan.pattern:
        case Sequence():
            return 1
        case Specialists(steps=steps):
            return len({step.member for step in steps if not step.optional})
    return plan.quorum


def _show(session: Session, decided: Decided, told: Aggregation) -> None:
    """The panel to whoever learns from it."""
    plan, entries, observer = session.plan, session.entries, session.desk.observer
    if not session.counts:
        return
    if isinstance(plan.pattern, Sequence) and plan.pattern.asked(len(plan.members)) > 1:
        observer.walk(session.router, plan, through=_walked_through(entries))
    if not decided.votes or isinstance(plan.pattern, Sequence | Specialists):
        return
    bill = _bill(entries)
    panel = Panel(
        router=session.router,
        prediction_id=session.prediction_id,
        plan=plan,
        ballots=[vote.ballot for vote in decided.votes],
        verdict=decided.verdict,
        costs=bill.members,
        currency=bill.currency,
        representative=told.representative,
        recipe=decided.recipe or PLAIN,
        pivotal=list(told.pivotal) if _weighed(session, decided) else None,
        helping=bill.helpers,
    )
    observer.panel(panel)


def _walked_through(entries: Iterable[Entry]) -> bool:
    """Whether the last member was called after others were: who was not called on the way, as the input does
    not fit it, changes nothing about that. Those who are spared come last."""
    members = [entry for entry in entries if entry.seat.voice.variant]
    called = {entry.seat.voice.variant for entry in members if entry.attempt is not None}
    return len(called) > 1 and members[-1].attempt is not None


class _Bill(NamedTuple):
    """What answers have cost: each member's, and the helpers' together; None where it is unknown."""

    members: dict[str, float | None]
    helpers: float | None
    currency: str


def _bill(entries: Iterable[Entry]) -> _Bill:
    costs: dict[str, float | None] = {}
    currencies = set[str]()
    for entry in entries:
        result = entry.result
        if isinstance(result, Answer):
            variant = entry.seat.voice.variant
            known = costs.get(variant, 0.0)
            costs[variant] = None if known is None or result.cost is None else known + result.cost
            currencies |= {result.currency} if result.cost is not None else set()
    helpers = costs.pop("", 0.0)
    # Amounts in several currencies do not add up.
    return _Bill(costs, helpers, currencies.pop() if len(currencies) == 1 else "")
