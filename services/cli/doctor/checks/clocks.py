"""Do all clocks say the same?"""

from collections.abc import Iterator

from services.cli.doctor.facts import Facts
from services.cli.doctor.finding import Finding, error, warning

# A page tells whole seconds, and the way there takes some of one.
OFF_SECONDS = 3.0
# Listings end five seconds ago, and evidence is cut into minutes.
BADLY_OFF_SECONDS = 30.0
WHY = (
    "predictions are ordered, matched with labels and counted by the minute by these clocks; keys and tokens "
    "expire by them"
)


def examine(facts: Facts) -> Iterator[Finding]:
    """Each clock beside this machine's; if all are off alike, it is this machine's that is wrong."""
    ahead = {f"{page.service} ({page.url})": page.ahead for page in facts.pages if page.ahead is not None}
    if facts.redis and not facts.redis.trouble:
        ahead[f"Redis ({facts.redis.place})"] = facts.redis.ahead
    off = {name: seconds for name, seconds in ahead.items() if abs(seconds) > OFF_SECONDS}
    if off and len(off) == len(ahead) and max(off.values()) - min(off.values()) <= OFF_SECONDS:
        off = {"this machine": -min(off.values(), key=abs)}
    for name, seconds in off.items():
        tell = error if abs(seconds) > BADLY_OFF_SECONDS else warning
        which = "ahead of" if seconds > 0 else "behind"
        other = "the suite" if name == "this machine" else "this machine"
        yield tell(
            f"the clock of {name} is {abs(seconds):.0f} s {which} {other}", WHY, "run chrony or ntpd there"
        )
