"""The account of a prediction: who was chosen and why, who took part, what it took."""

from collections.abc import Iterator
from decimal import Decimal

from google.protobuf.duration_pb2 import Duration
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from turnout.inference.v1 import manifest_pb2 as manifests
from turnout.inference.v1.manifest_pb2 import Aggregation, Cost, Manifest, Participant

from services.cli import tables
from services.cli.numbers import ABSENT, number, percent
from services.cli.speech import plain

GOOD = (manifests.OUTCOME_SERVED, manifests.OUTCOME_CONTRIBUTED)
BAD = (manifests.OUTCOME_FAILED, manifests.OUTCOME_TIMED_OUT)


def view(manifest: Manifest) -> RenderableType:
    """Who decided, who took part, and what a reader should know."""
    facts = [plain(manifest.decision.explanation)] if manifest.decision.explanation else []
    if manifest.HasField("aggregation"):
        facts.append(aggregated(manifest.aggregation))
    parts: list[RenderableType] = [Text(line) for line in facts]
    parts.append(_participants(manifest))
    if manifest.degraded:
        parts.append(Text("! degraded: somebody who should have taken part did not", style="yellow"))
    parts += [Text(f"! {plain(line)}", style="yellow") for line in manifest.warnings]
    parts.append(Text(_sum(manifest), style="dim"))
    return Group(*parts)


def aggregated(given: Aggregation) -> str:
    """How several answers became one, in a line."""
    told = [f"{given.method}: {given.quorum_met} answered, {given.quorum_wanted} were needed"]
    if given.HasField("agreement"):
        told.append(f"agreement {percent(given.agreement)}")
    if given.HasField("divergence"):
        told.append(f"spread {number(given.divergence)}")
    if given.dissenting:
        told.append(f"otherwise: {', '.join(given.dissenting)}")
    if given.stopped_early:
        told.append("stopped early")
    return plain("; ".join(told))


def _participants(manifest: Manifest) -> Table:
    weighed = any(one.HasField("weight") for one in manifest.participants)
    table = tables.columns("who", "model", "as", "outcome")
    for heading in ("latency", "cost", *(["weight"] if weighed else [])):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("trouble", overflow="fold")
    for one in manifest.participants:
        table.add_row(*_participant(one, weighed=weighed))
    return table


def _participant(one: Participant, *, weighed: bool) -> Iterator[RenderableType]:
    yield tables.name(one.variant or ABSENT)
    yield tables.name(one.model.removeprefix("models/") + (f" {one.version}" if one.version else ""))
    yield role(one) + (f" {one.attempt}" if one.attempt > 1 else "")
    yield Text(outcome(one), style="green" if one.outcome in GOOD else "red" if one.outcome in BAD else "dim")
    yield milliseconds(one.latency) if one.HasField("latency") else ABSENT
    yield cost(one.cost) if one.HasField("cost") else ABSENT
    if weighed:
        yield number(one.weight) if one.HasField("weight") else ABSENT
    yield Text(plain(" ".join(filter(None, (one.error_code, one.error_message)))), style="red")


def role(one: Participant) -> str:
    """Why it was called, in a word."""
    return _word(manifests.ParticipantRole, one.role, "PARTICIPANT_ROLE_")


def outcome(one: Participant) -> str:
    """What became of it, in a word or two."""
    return _word(manifests.Outcome, one.outcome, "OUTCOME_")


def _word(kind: type, value: int, prefix: str) -> str:
    # A newer server may know more than we do.
    names: dict[int, str] = {number: name for name, number in kind.items()}  # type: ignore[attr-defined]
    return names.get(value, str(value)).removeprefix(prefix).lower().replace("_", " ")


def milliseconds(taken: Duration) -> str:
    """A latency."""
    return f"{number(taken.ToNanoseconds() / 1e6)} ms"


def cost(given: Cost) -> str:
    """An amount of money; of small ones nothing is rounded away, nor written as a power of ten.

    >>> cost(Cost(amount=0.00005, currency="USD"))
    '0.00005 USD'
    """
    return f"{Decimal(f'{given.amount:.3g}'):f} {given.currency}".rstrip()


def _sum(manifest: Manifest) -> str:
    told = [manifest.prediction_id, f"{manifest.router} generation {manifest.generation}"]
    told.append(milliseconds(manifest.total_latency))
    if manifest.HasField("total_cost"):
        told.append(cost(manifest.total_cost))
    if manifest.trace_id:
        told.append(f"trace {manifest.trace_id}")
    return plain(", ".join(filter(None, told)))
