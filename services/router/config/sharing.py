"""Who else may see, use and change a resource: what may be stored. Who is let in is decided elsewhere."""

import re

from turnout.router.v1.model_pb2 import Permissions

from services.router.config.problems import Problems

MOST_USERS = 1000
LISTS = ("viewers", "predictors", "editors")
# Printable, and without what separates ids where people list them.
USER = re.compile(r"[!-+\--~]{1,256}")
USER_RULE = "1 to 256 printable characters without spaces and commas"


def check_permissions(permissions: Permissions, field: str, problems: Problems) -> None:
    """The users of each list: sound ids, each once, at most 1,000."""
    for name in LISTS:
        users, path = list(getattr(permissions, name)), f"{field}.{name}"
        if len(users) > MOST_USERS:
            problems.add(path, f"at most {MOST_USERS}, got {len(users)}")
        seen: set[str] = set()
        for place, user in enumerate(users):
            if not USER.fullmatch(user):
                problems.add(f"{path}[{place}]", f"a user's id is {USER_RULE}; got {user[:100]!r}")
            elif user in seen:
                problems.add(f"{path}[{place}]", f"{user[:100]} is named twice")
            seen.add(user)
