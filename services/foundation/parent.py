"""Not outliving the process that started us."""

import ctypes
import os
import signal
import sys

# From <sys/prctl.h>.
PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Drain (SIGTERM) when the process `parent`, which started this one, ends in whatever way. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # It may have died before we asked.
    if os.getppid() != parent:
        raise SystemExit(f"the process {parent} that should look after this one is gone")
