"""Analyses tell what moved, what is missing and what is new, and whose traffic it is; jurors are compared."""

from examples.demo.claims.claim import Claim
from examples.demo.elsewhere import ANSWER, GRADE, JUDGED, LOST, NEW, OLD, UNREADABLE
from examples.demo.evidence import Act, Evidence, Looks


def check(evidence: Evidence) -> Claim:
    """All was well before; the scanner that is out of order is named by its segment, and the other is not.

    The segments are held to a chance of one in ten thousand: one of them has a hundred rows.
    """
    looks, watch = evidence.watch.looks, evidence.watch
    calm = looks.before.of(JUDGED).status == "OK"
    whose = looks.new.status == "ALERT" and looks.old.status == "OK"
    beside = looks.beside.of(JUDGED).status == "ALERT"
    jury = evidence.jurors.rows >= len(evidence.of(evidence.cast.jury, Act.LEARNING)) > 0
    said = (
        f"before: {JUDGED} {looks.before.of(JUDGED).status}; after: {looks.after.status}, and by scanner "
        f"{OLD} {looks.old.status}, {NEW} {looks.new.status}; {looks.after.of(LOST).missing:.1%} of {LOST} "
        f"missing, {looks.after.of(GRADE).outside:.1%} of {GRADE} never seen; jurors compared on "
        f"{evidence.jurors.rows} rows"
    )
    return Claim(calm and whose and beside and jury and _told(looks) and watch.logged > 0, said)


def _told(looks: Looks) -> bool:
    """Whether each kind of change is there: of values, of what is missing, of names, of answers."""
    first = looks.after.features[0].feature if looks.after.features else ""
    return (
        (looks.after.status, first) == ("ALERT", JUDGED)
        and looks.after.of(JUDGED).outside > 0
        and looks.after.of(LOST).missing > looks.before.of(LOST).missing
        and list(looks.after.of(GRADE).unseen) == [UNREADABLE]
        and looks.after.of(ANSWER).status == "ALERT"
    )
