"""What a start still waits for: a status that moves on a terminal, a line now and then elsewhere."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console

# In a log, a line says what is newly awaited; more are for a start that takes long.
LINE_EVERY_SECONDS = 5.0
MODELS = "models/"

Waiting = Callable[[Sequence[str]], None]


@contextmanager
def shown(console: Console, now: Callable[[], float]) -> Iterator[Waiting]:
    """Tell it the names of what is awaited, as often as you like; a terminal's status ends with the block."""
    if not console.is_terminal:
        yield _lines(console, now)
        return
    with console.status("Starting …") as status:
        yield lambda names: status.update(f"Waiting for {listed(names)} …")


def listed(names: Sequence[str]) -> str:
    """The names in words; of many models only how many.

    >>> listed(["router", "models/a", "models/b", "models/c"])
    'router, 3 models'
    """
    models = [name for name in names if name.startswith(MODELS)]
    others = [name for name in names if name not in models]
    return ", ".join([*others, *(models if len(models) < 3 else [f"{len(models)} models"])])


def _lines(console: Console, now: Callable[[], float]) -> Waiting:
    due, told = now(), frozenset[str]()

    def tell(names: Sequence[str]) -> None:
        nonlocal due, told
        if now() >= due or not told.issuperset(names):
            due, told = now() + LINE_EVERY_SECONDS, frozenset(names)
            words = f"waiting for {listed(names)} …"
            console.print(words, markup=False, highlight=False, soft_wrap=True)

    return tell
