"""`python -m services.cli.tied PARENT COMMAND …` becomes COMMAND, which then ends when PARENT does: for programs,
such as Redis, that know no --parent. The wish outlives exec."""

import os
import sys

from services.foundation.parent import die_with


def main(arguments: list[str]) -> None:
    """Replace this process."""
    die_with(int(arguments[0]))
    os.execvp(arguments[1], arguments[1:])  # noqa: S606 - there is no shell, and the caller is the supervisor


if __name__ == "__main__":
    main(sys.argv[1:])
