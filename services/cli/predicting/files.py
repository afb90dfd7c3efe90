"""A prediction for each row of a file, some hundred at a time, with a bar that shows how far it is."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import Progress
from turnout.router.v1.inference_service_pb2 import BatchPredictItem, BatchPredictRequest, PredictRequest

from services.cli.complaints import say
from services.cli.connecting import Visit
from services.cli.filing import Line, lines
from services.cli.predicting import signatures
from services.cli.predicting.asked import Question
from services.cli.predicting.signatures import BadFeature, Kinds, typed
from services.cli.speech import document
from services.cli.told import answers
from services.foundation.codes import NAMES

SECONDS = 300.0
# One that is wrong is most often wrong in every row: the rest is in the output.
MOST_SAID = 10


class Job(NamedTuple):
    """A file of rows, what is asked around them, and where answers go (None: standard output)."""

    question: Question
    rows: Path
    out: Path | None
    batch: int


async def work(suite: Visit, job: Job) -> int:
    """Ask for every row; how many failed. Raises RemoteError, OSError, BadFile."""
    known = await signatures.kinds(suite, job.question.router)
    console = Console(stderr=True)
    door, done, failed = suite.to("inference"), 0, 0
    with (
        _written(job.out) as write,
        Progress(console=console, transient=True, disable=not console.is_terminal) as bar,
    ):
        task = bar.add_task("asking", total=job.rows.stat().st_size)
        for part in _parts(lines(job.rows), job.batch):
            asked = [_request(one, job.question, known) for one in part]
            request = BatchPredictRequest(requests=[one for one in asked if isinstance(one, PredictRequest)])
            replies = iter(
                (await door.ask("BatchPredict", request, SECONDS)).items if request.requests else ()
            )
            for line, one in zip(part, asked, strict=True):
                answer = _told(line, one if isinstance(one, str) else next(replies))
                if "error" in answer:
                    failed += 1
                    if failed <= MOST_SAID:
                        say(f"line {line.number}: {answer['error']}")
                write(line, answer)
            done += len(part)
            bar.update(task, completed=part[-1].until)
    say(f"{done:,} rows, {failed:,} failed" + (f"; answers in {job.out}" if job.out else ""))
    return failed


def _parts(found: Iterator[Line], size: int) -> Iterator[list[Line]]:
    part: list[Line] = []
    for line in found:
        part.append(line)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def _request(line: Line, question: Question, known: Kinds) -> PredictRequest | str:
    """The request of a row, or why there is none."""
    row = dict(line.values)
    made = question.around()
    if line.wrong:
        return line.wrong
    try:
        made.entity_id = _taken(row, question.entity, "--entity")
        made.external_id = _taken(row, question.external_id, "--external-id")
        made.input.row.update(
            {
                name: typed(name, value, known) if isinstance(value, str) else value
                for name, value in row.items()
            }
        )
    except (BadFeature, ValueError) as wrong:
        return str(wrong)
    return made


def _taken(row: dict[str, Any], column: str, option: str) -> str:
    """What a column holds, which is no feature then; nothing where none is named. Raises ValueError."""
    if column and column not in row:
        raise ValueError(f"no column {column!r}, which {option} names; there are {', '.join(row)}")
    return str(row.pop(column) or "") if column else ""


def _told(line: Line, item: BatchPredictItem | str) -> dict[str, Any]:
    if isinstance(item, str):
        return {"line": line.number, "error": item}
    if item.status.code:
        return {"line": line.number, "error": f"{item.status.message} ({NAMES[item.status.code]})"}
    reply = item.response
    return {
        "line": line.number,
        "prediction_id": reply.prediction_id,
        "variant": reply.manifest.decision.variant,
        "answer": answers.plainly(reply.output),
        "output": document(reply.output),
    }


Write = Callable[[Line, dict[str, Any]], None]
COLUMNS: Sequence[str] = ("answer", "variant", "prediction_id", "error")


@contextmanager
def _written(out: Path | None) -> Iterator[Write]:
    """Something to write answers with: rows and answers as CSV, or answers as NDJSON."""
    if out is None:
        yield lambda _line, answer: print(json.dumps(answer))  # noqa: T201 - the command's output
        return
    with out.open("w", newline="") as file:
        if out.suffix.lower() != ".csv":
            yield lambda _line, answer: print(json.dumps(answer), file=file)
            return
        table = csv.writer(file)

        def write(line: Line, answer: dict[str, Any]) -> None:
            if not file.tell():
                table.writerow([*line.values, *COLUMNS])
            table.writerow([*line.values.values(), *(answer.get(name, "") for name in COLUMNS)])

        yield write
