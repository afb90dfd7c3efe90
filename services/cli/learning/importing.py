"""`turnout feedback import`: a file of what came of predictions, on its way to feedback."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from turnout.feedback.v1.feedback_service_pb2 import (
    ImportFeedbackRequest,
    ImportFeedbackResponse,
    RecordFeedbackRequest,
)

from services.cli.complaints import ERROR, say
from services.cli.connecting import Visit
from services.cli.filing import STDIN, Line, lines
from services.cli.learning.outcomes import COLUMNS, BadOutcome, request_of
from services.cli.speech import Output, document, tell

# What the service takes of a message.
AT_ONCE = 500
SECONDS = 3600.0
MOST_SAID = 20


class Job(NamedTuple):
    """A file, the router of lines that name no prediction by its id, and its columns by what they hold."""

    file: Path
    router: str
    names: dict[str, str]
    number: bool


@dataclass
class Done:
    """What became of it. `wrong` are lines that were never sent, and why."""

    reply: ImportFeedbackResponse
    wrong: list[str] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    """Line numbers of what was sent, in its order."""

    def complaints(self) -> Sequence[str]:
        """A sentence per line that does not count, as far as they were kept."""
        refused = [
            f"line {self.sent[one.index]}: {one.message} ({one.reason})"
            for one in self.reply.errors
            if one.index < len(self.sent)
        ]
        return [*self.wrong, *refused]


def columns(told: Sequence[str]) -> dict[str, str]:
    """Columns by what they hold: those of the contract's names, and what is said otherwise."""
    names = {name: name for name in COLUMNS}
    for one in told:
        known, sign, column = one.partition("=")
        if not (sign and column) or known not in names:
            raise typer.BadParameter(f"--column {one!r}: write FIELD=COLUMN; fields are {', '.join(names)}")
        names[known] = column
    return names


async def work(suite: Visit, job: Job) -> Done:
    """Send the file. Raises RemoteError, BadFile, OSError."""
    console = Console(stderr=True)
    shape = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    done = Done(ImportFeedbackResponse())
    with Progress(*shape, console=console, transient=True, disable=not console.is_terminal) as bar:
        parts = _parts(job, done, bar)
        # A stream without a message is refused; a file of wrong lines shall say what is wrong with them.
        if (first := await anext(parts, None)) is not None:
            sending = _after(first, parts)
            done.reply = await suite.to("feedback").send("ImportFeedback", sending, SECONDS)
    return done


async def _after(
    first: ImportFeedbackRequest, rest: AsyncIterator[ImportFeedbackRequest]
) -> AsyncIterator[ImportFeedbackRequest]:
    yield first
    async for one in rest:
        yield one


def _refuse_strange(line: Line, names: Mapping[str, str]) -> None:
    """Raises BadOutcome where the command names a column that the line does not have."""
    for known, column in names.items():
        if known != column and column not in line.values:
            has = ", ".join(line.values)
            raise BadOutcome(f"no column {column!r}, which --column {known}={column} names; there are {has}")


async def _parts(job: Job, done: Done, bar: Progress) -> AsyncIterator[ImportFeedbackRequest]:
    task = bar.add_task("sending", total=job.file.stat().st_size if job.file != STDIN else None)
    items: list[RecordFeedbackRequest] = []
    for line in lines(job.file):
        try:
            if line.wrong:
                raise BadOutcome(line.wrong)
            _refuse_strange(line, job.names)
            items.append(request_of(line.values, job.names, job.router, number=job.number))
        except BadOutcome as wrong:
            done.wrong.append(f"line {line.number}: {wrong.message}")
            continue
        done.sent.append(line.number)
        if len(items) == AT_ONCE:
            yield ImportFeedbackRequest(items=items)
            items = []
            bar.update(task, completed=line.until)
    if items:
        yield ImportFeedbackRequest(items=items)
    bar.update(task, description="counting")


def show(done: Done, output: Output) -> None:
    """Print what became of it; end with 1 where lines do not count."""
    refused = len(done.wrong) + done.reply.counts["REFUSED"]
    complaints = done.complaints()
    for one in complaints[:MOST_SAID]:
        say(one)
    if refused > MOST_SAID:
        say(f"and {refused - MOST_SAID:,} more lines that do not count")
    if output is Output.TABLE:
        counts = ", ".join(
            f"{count:,} {name.lower().replace('_', ' ')}" for name, count in sorted(done.reply.counts.items())
        )
        wrong = f", {len(done.wrong):,} not sent" if done.wrong else ""
        typer.echo(f"{done.reply.items:,} lines sent: {counts or 'none'}{wrong} ({done.reply.durability})")
    else:
        tell({**document(done.reply), "not_sent": done.wrong}, output)
    if refused:
        raise typer.Exit(ERROR)
