"""Do certificates hold, and for long enough?"""

from collections.abc import Iterator

from services.cli.doctor.facts import Certificate, Facts
from services.cli.doctor.finding import Finding, error, warning

DAY = 86_400.0
# Whoever renews by hand needs a fortnight with a holiday in it.
SOON_DAYS = 21.0
RENEW = "write the new chain and key to the files that tls_certificate and tls_key name; no restart is needed"


def examine(facts: Facts) -> Iterator[Finding]:
    """One finding per server whose certificate is out, not yet in, about to end, or not trusted."""
    for one in facts.services:
        if one.certificate is not None:
            yield from _one(one.name, one.certificate, facts.now)


def _one(name: str, shown: Certificate, now: float) -> Iterator[Finding]:
    left = (shown.ends - now) / DAY
    if left < 0:
        yield error(
            f"the certificate of {name} expired {-left:.0f} days ago",
            "no client connects to it any more",
            RENEW,
        )
    elif shown.begins > now:
        yield error(
            f"the certificate of {name} is valid only in {(shown.begins - now) / DAY:.1f} days",
            "no client connects to it until then; or a clock is wrong",
            RENEW,
        )
    elif left < SOON_DAYS:
        yield warning(
            f"the certificate of {name} expires in {left:.0f} days", "then no client connects to it", RENEW
        )
    if shown.trouble and left >= 0:
        told = ", ".join(shown.names) or "no name"
        yield error(
            f"the certificate of {name} is not trusted here: {shown.trouble} (it is for {told})",
            "a client that trusts what you trust refuses to connect",
            "the right authorities (--ca FILE), or a certificate that names the address that is used",
        )
