"""What a router refuses before anything is decided or called."""

from collections.abc import Iterator
from contextlib import contextmanager

from turnout.inference.v1.input_pb2 import Input

from services.foundation.errors import ResourceExhausted
from services.router.execution.carrying import Limits
from services.router.execution.load import Load

# About how long a prediction takes: by then somebody has left.
RETRY_SECONDS = 0.25


class InputTooLarge(ResourceExhausted):
    """The input is larger than the router takes; the same one will never fit."""

    reason = "TOO_LARGE"


class RouterBusy(ResourceExhausted):
    """As many predictions of the router are in flight here as it allows."""


@contextmanager
def admitted(router: str, limits: Limits, load: Load, given: Input) -> Iterator[None]:
    """One prediction is in flight. Raises InputTooLarge or RouterBusy instead."""
    if limits.bytes and (size := given.ByteSize()) > limits.bytes:
        said = f"the input has {size} bytes; {router} takes at most {limits.bytes}"
        field = ("input", f"at most {limits.bytes} bytes, got {size}")
        raise InputTooLarge(said, fields=[field], router=router, bytes=size, limit=limits.bytes)
    if limits.concurrency and load.predictions >= limits.concurrency:
        said = f"{limits.concurrency} predictions of {router} are in flight here, as many as its limits allow"
        raise RouterBusy(said, retry_after=RETRY_SECONDS, router=router, limit=limits.concurrency)
    with load.prediction():
        yield


def check_rows(router: str, limits: Limits, rows: int) -> None:
    """Raise InputTooLarge for more rows than the router takes."""
    if limits.rows and rows > limits.rows:
        said = f"the input has {rows} rows; {router} takes at most {limits.rows}"
        field = ("input", f"at most {limits.rows} rows, got {rows}")
        raise InputTooLarge(said, fields=[field], router=router, rows=rows, limit=limits.rows)
