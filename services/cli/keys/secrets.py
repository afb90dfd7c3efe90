"""Where the secret of a new key goes."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from services.cli.complaints import fail


@contextmanager
def kept(out: Path | None) -> Iterator[Callable[[str], None]]:
    """Keeps a secret in a new file that only its owner can read, nowhere without one. The file is made first:
    of a key whose secret could not be kept, nobody would have any use."""
    if out is None:
        yield lambda _: None
        return
    try:
        opened = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as wrong:
        fail(f"--out {out}: {wrong.strerror}")
    written = False

    def keep(secret: str) -> None:
        nonlocal written
        os.write(opened, f"{secret}\n".encode())
        written = True

    try:
        yield keep
    finally:
        os.close(opened)
        if not written:
            out.unlink()
