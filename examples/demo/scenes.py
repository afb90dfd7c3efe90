"""What the demo shows: traffic, convergence, accuracies, a manifest, drift, and the claims."""

from collections.abc import Mapping

from google.protobuf.json_format import MessageToDict
from rich.console import Group, RenderableType
from rich.highlighter import JSONHighlighter
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from turnout.inference.v1.manifest_pb2 import Manifest

from examples.demo.claims import Claim
from examples.demo.compact import compact
from examples.demo.elsewhere import NEW
from examples.demo.evidence import Act, Answer, Evidence, Watch, Window
from examples.demo.sparkline import sparkline
from examples.demo.traffic import SLICES, accuracy, shares
from examples.demo.watching.guard import MODEL

COLOURS = ("cyan", "magenta", "yellow", "green")
STATUS_COLOURS = {"OK": "green", "WARNING": "yellow", "ALERT": "red"}
FEATURES_SHOWN = 4
# What a panel's frame takes of its width.
PANEL = 4


def traffic(evidence: Evidence) -> Table:
    """Every router's variants over time."""
    cast = evidence.cast
    table = Table(title="Traffic by variant, from the first prediction to the last", title_justify="left")
    for column in ("router", "variant", "share over time", "asked", "failed"):
        table.add_column(column, justify="right" if column in ("asked", "failed") else "left")
    for router, variants in ((cast.split, [*cast.weights]), (cast.bandit, [*cast.arms])):
        answers = evidence.of(router)
        for colour, (variant, line) in zip(COLOURS, shares(answers, variants).items(), strict=False):
            mine = [answer for answer in answers if answer.variant == variant]
            failed = sum(answer.label is None for answer in mine)
            table.add_row(router, variant, Text(sparkline(line), colour), str(len(mine)), str(failed or ""))
        table.add_section()
    answers = evidence.of(cast.jury)
    degraded = sum(answer.degraded for answer in answers)
    failed = sum(answer.label is None for answer in answers)
    told = f"{degraded} without a member"
    table.add_row(cast.jury, f"all {len(cast.jurors)} together", told, str(len(answers)), str(failed or ""))
    return table


def convergence(evidence: Evidence) -> Table:
    """What the bandit allotted to each arm as it learnt, and after its favourite was killed."""
    cast = evidence.cast
    table = Table(title="What the bandit allotted", title_justify="left", caption_justify="left")
    table.caption = "In the mean a failure counts 0."
    for column in ("arm", "while it learnt", "then", "outage", "pulls", "mean"):
        table.add_column(column, justify="left" if column in ("arm", "while it learnt") else "right")
    learning = [a.probabilities for a in evidence.of(cast.bandit, Act.LEARNING) if a.probabilities]
    outage = [a.probabilities for a in evidence.of(cast.bandit, Act.OUTAGE) if a.probabilities]
    step = max(1, len(learning) // SLICES)
    for colour, arm in zip(COLOURS, cast.arms, strict=False):
        known = evidence.arms.get(arm)
        table.add_row(
            arm,
            Text(sparkline(one.get(arm, 0.0) for one in learning[::step]), colour),
            f"{learning[-1].get(arm, 0.0):.1%}" if learning else "",
            f"{outage[-1].get(arm, 0.0):.1%}" if outage else "",
            str(known.pulls) if known else "",
            f"{known.mean:.3f}" if known and known.mean is not None else "",
        )
    return table


def accuracies(evidence: Evidence) -> Table:
    """Single models against the jury, and before against after the shift."""
    cast = evidence.cast
    table = Table(title="Who was right how often", title_justify="left", caption_justify="left")
    table.caption = "The gauge counts every act, and a juror's votes too."
    table.add_column("who")
    for column in ("before", "after the shift", "the suite's gauge"):
        table.add_column(column, justify="right")
    jury = accuracy(evidence.of(cast.jury, Act.LEARNING))
    table.add_row(Text(f"the jury {cast.jury}", "bold green"), _percent(jury), "", "")
    for model in dict.fromkeys((*cast.jurors, *cast.arms, *cast.weights)):
        alone = [answer for answer in evidence.answers if answer.variant == model]
        before = accuracy([answer for answer in alone if answer.act is not Act.SHIFT])
        after = accuracy([answer for answer in alone if answer.act is Act.SHIFT])
        table.add_row(model, _percent(before), _percent(after), _percent(evidence.accuracy.get(model)))
    return table


def manifest(shown: Manifest, width: int = 80) -> Panel:
    """One manifest, whole, in a panel of so many characters."""
    fields = MessageToDict(shown, preserving_proto_field_name=True)
    content = JSONHighlighter()(Text(compact(fields, width - PANEL)))
    missing = "a member is missing" if shown.degraded else "everybody answered"
    return Panel(
        content, title=f"The manifest of one prediction by {shown.router}: {missing}", title_align="left"
    )


def drift(evidence: Evidence) -> RenderableType:
    """The two windows, and two jurors beside each other."""
    return Group(
        _window("before the shift", evidence.before, evidence.cast.shifted),
        _window("after the shift", evidence.after, evidence.cast.shifted),
        _window(" against ".join(evidence.cast.jurors[:2]), evidence.jurors, ""),
    )


def watch(watched: Watch) -> Table:
    """The chapter of drift, step by step."""
    title = f"Drift from end to end: {MODEL} answers elsewhere, and its {NEW} scanner goes wrong half-way"
    table = Table(title=title, title_justify="left", show_lines=True)
    table.add_column("asked of drift", style="cyan")
    table.add_column("what came of it")
    for note in watched.notes:
        table.add_row("\n".join(note.asked), note.said)
    return table


def claims(checked: Mapping[str, Claim]) -> Table:
    """What held and what did not."""
    table = Table(title="What was claimed", title_justify="left", show_lines=False)
    table.add_column("")
    table.add_column("claim", style="bold")
    table.add_column("because")
    for name, claim in checked.items():
        table.add_row(Text("held", "green") if claim.held else Text("FAILED", "bold red"), name, claim.said)
    return table


def progress(act: Act, answers: list[Answer], requests: int) -> Text:
    """One line of where the story is."""
    failed = sum(answer.label is None for answer in answers)
    right = accuracy(answers)
    done = sparkline(
        [
            min(1.0, len(answers) / requests * 8 - part)
            for part in range(8)
            if len(answers) / requests * 8 > part
        ]
    )
    return Text(f"{act:<9} {done:<8} {len(answers):>5} predictions, {_percent(right)} right, {failed} failed")


def _window(title: str, window: Window, feature: str) -> RenderableType:
    table = Table()
    for column in ("feature", "status", "PSI"):
        table.add_column(column, justify="right" if column == "PSI" else "left")
    for one in window.features[:FEATURES_SHOWN]:
        name = Text(one.feature, "bold" if one.feature == feature else "")
        table.add_row(name, Text(one.status, STATUS_COLOURS.get(one.status, "")), f"{one.psi:.3f}")
    return Group(Text(f"Drift {title}: {window.status}. {window.summary}", "italic"), table)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"
