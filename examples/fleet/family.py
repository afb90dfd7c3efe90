"""One process per member, forked from one that has loaded what all of them need: scikit-learn takes longer to
load than any model here to train. Nothing of gRPC may have begun before the fork.
"""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress

# Until one that was killed is started again.
PAUSE_SECONDS = 0.25
ENDS = (signal.SIGTERM, signal.SIGINT)


def raise_all(members: Mapping[str, Callable[[], None]]) -> int:
    """Run each in a process of its own until SIGTERM or Ctrl-C, which they are told of; the exit code.

    One that a signal ends is started again. One that ends by itself could not do its work: so do the others,
    then.
    """
    family = _Family(members)
    for number in ENDS:
        signal.signal(number, family.told)
    for name in members:
        family.bear(name)
    return family.look_after()


class _Family:
    """Who lives, and whether the end has come."""

    def __init__(self, members: Mapping[str, Callable[[], None]]) -> None:
        self._members = members
        self._living: dict[int, str] = {}
        self._over = False

    def told(self, *_: object) -> None:
        """As a handler of signals."""
        self._over = True
        for pid in self._living:
            # It may have ended, and not yet been struck off.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def bear(self, name: str) -> None:
        """Start one, unless the end has come."""
        # A signal between the fork and the child's own handlers must not run ours in the child.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
        try:
            if self._over:
                return
            pid = os.fork()
            if not pid:
                self._live(self._members[name])
            self._living[pid] = name
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)

    def look_after(self) -> int:
        """Until none lives."""
        code = 0
        while self._living:
            pid, status = os.wait()
            name, ended = self._living.pop(pid), os.waitstatus_to_exitcode(status)
            if self._over:
                code = max(code, ended)
            elif ended < 0:
                why = signal.Signals(-ended).name
                print(f"{name} was ended by {why}; it is started again", flush=True)
                time.sleep(PAUSE_SECONDS)
                self.bear(name)
            else:
                print(f"{name} ended with exit code {ended}, and so does the fleet", flush=True)
                code = ended or 1
                self.told()
        return code

    def _live(self, work: Callable[[], None]) -> None:
        """The child's whole life."""
        code = 1
        try:
            for number in ENDS:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - whatever it is must not run on in the parent's code
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
