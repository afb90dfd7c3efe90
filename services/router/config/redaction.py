"""What a router says of its log: names that may exist, rules that do."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import REDACTION_FULL, REDACTION_UNSPECIFIED, Redaction, Router

from services.router.config.problems import Problems
from services.router.execution.redacting import OUTPUT, WORDS
from services.router.managing.aliases import model_of

MOST_RULES = 256
LONGEST_NAME = 256
RULES = [name for name, number in Redaction.items() if number != REDACTION_UNSPECIFIED]


def check(router: Router, problems: Problems) -> None:
    """Number, names and rules of router.log.redact."""
    given = router.log.redact
    if len(given) > MOST_RULES:
        problems.add("router.log.redact", f"at most {MOST_RULES} rules, got {len(given)}")
    for name, rule in sorted(given.items()):
        if not 1 <= len(name) <= LONGEST_NAME:
            problems.add("router.log.redact", f"names of 1 to {LONGEST_NAME} characters, got {len(name)}")
        elif rule == REDACTION_UNSPECIFIED or rule not in Redaction.values():
            problems.add(f"router.log.redact['{name[:100]}']", f"one of {', '.join(RULES)}, got {rule}")


def warnings(router: Router, models: Mapping[str, Model]) -> list[str]:
    """Sentences about rules that may protect nothing: most likely a slip of the pen."""
    members = [models.get(model_of(variant)) for variant in router.variants]
    features = {feature.name for one in members if one for feature in one.signature.features}
    known, hidden = features | set(router.attributes) | set(WORDS), sorted(set(router.log.redact) & features)
    return [*_unread(router, members, known), *_telling(router, hidden), *_unmeasured(router)]


def _unread(router: Router, members: Sequence[Model | None], known: Collection[str]) -> Iterator[str]:
    if all(one is not None and one.signature.features for one in members):
        for name in sorted(set(router.log.redact).difference(known)):
            yield f"log.redact: no variant reads {name[:100]!r}, and it is no declared attribute"


def _telling(router: Router, hidden: Sequence[str]) -> Iterator[str]:
    for segment in router.segments:
        if told := next((name for name in hidden if name in segment.expression), None):
            yield f"segment {segment.name} is logged, and may tell {told!r} that log.redact hides"


def _unmeasured(router: Router) -> Iterator[str]:
    if router.log.redact.get(OUTPUT, REDACTION_FULL) != REDACTION_FULL:
        yield "log.redact hides the output: no accuracy can be measured or learnt from ground truth"
