"""Who else may see, use and change a resource: what may be stored. Who is let in is decided elsewhere."""

from turnout.router.v1.model_pb2 import Permissions

from services.foundation.identity.caller import NAME_RULE, SOUND_NAME
from services.router.config.problems import Problems

MOST_USERS = 1000
LISTS = ("viewers", "predictors", "editors")


def check_permissions(permissions: Permissions, field: str, problems: Problems) -> None:
    """The users of each list: sound ids, each once, at most 1,000."""
    for name in LISTS:
        users, path = list(getattr(permissions, name)), f"{field}.{name}"
        if len(users) > MOST_USERS:
            problems.add(path, f"at most {MOST_USERS}, got {len(users)}")
        seen: set[str] = set()
        for place, user in enumerate(users):
            if not SOUND_NAME.fullmatch(user):
                problems.add(f"{path}[{place}]", f"a user's id has {NAME_RULE}; got {user[:100]!r}")
            elif user in seen:
                problems.add(f"{path}[{place}]", f"{user[:100]} is named twice")
            seen.add(user)
