"""Not outliving the process that started us."""

import ctypes
import os
import signal
import sys

# From <sys/prctl.h>.
PR_SET_PDEATHSIG = 1

# Asks the kernel for SIGTERM when the parent dies, then becomes the program. A program of its own, because
# code between fork and exec is not safe in a process with threads.
_LAUNCHER = """
import ctypes, os, signal, sys
parent, program = int(sys.argv[1]), sys.argv[2:]
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("the parent is gone")
os.execv(program[0], program)
"""


def tied(program: str, *arguments: str) -> tuple[str, ...]:
    """The command that starts a program which is no Python of ours, and is to end (SIGTERM) with this
    process."""
    return (sys.executable, "-ISc", _LAUNCHER, str(os.getpid()), program, *arguments)


def die_with(parent: int) -> None:
    """Drain (SIGTERM) when the process `parent`, which started this one, ends in whatever way. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # It may have died before we asked.
    if os.getppid() != parent:
        raise SystemExit(f"the process {parent} that should look after this one is gone")
