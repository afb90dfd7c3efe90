"""Random conditions, and the same answered by CEL alone: the reference for what is translated."""

import random
from datetime import UTC, datetime
from functools import lru_cache

import cel

from services.router.conditions import Columns, Given, Kind, Schema, View

NUMBERS = ("amount", "age", "features['mean radius']", "features.ratio")
TEXTS = ("tier", "country", "attributes['segment']", "headers['x-tier']", "entity_id", "input.kind")
BOOLS = ("vip", "attributes['vip']")
DECLARED = Schema(
    features={
        "amount": Kind.NUMBER,
        "age": Kind.NUMBER,
        "mean radius": Kind.NUMBER,
        "ratio": Kind.NUMBER,
        "tier": Kind.TEXT,
        "country": Kind.TEXT,
    },
    attributes={"vip": Kind.BOOL, "limit": Kind.NUMBER},
    headers={"x-tier"},
)
# Nobody says what there is: every bare name is seen when the request comes.
UNDECLARED = Schema(headers={"x-tier"})

DOUBLES = ("0.0", "1.5", "-2.0", "1e3", "0.1", "1000.0", "9007199254740992.0", "1e308", "-0.0", "3.0")
INTS = (
    "0",
    "1",
    "-1",
    "3",
    "1000",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "0x10",
)
WORDS = (
    "'gold'",
    '"silver"',
    "''",
    "'go'",
    "'é'",
    "'it\\'s'",
    "r'a\\d'",
    "'GOLD'",
    "'old gold'",
    "'\\u00e9'",
)
VALUES = (0.0, -0.0, 1.5, 3.0, 1000.0, 9007199254740992.0, 1e308, -2.0, float("inf"))
PATTERNS = ("'^g.*d$'", "'[a-z]+'", "'(a+)+$'", "'o|x'", "''")


class Grammar:
    """Draws conditions; `free` ones use bare names whose kinds nobody declared."""

    def __init__(self, rng: random.Random, *, free: bool) -> None:
        self.rng, self.free = rng, free

    def one(self, *offered: str) -> str:
        return self.rng.choice(offered)

    def boolean(self, depth: int) -> str:
        if depth <= 0:
            known = () if self.free else (*BOOLS, "has(features.tier)", "'age' in features")
            return self.one(*known, "true", "false")
        common = (self.compare, self.compare, self.logical)
        rare = (self.negated, self.member, self.test, self.branch, self.clock, self.model, self.only_cel)
        return self.rng.choice((*common, *common, *rare))(depth - 1)

    def compare(self, depth: int) -> str:
        sign = self.one("==", "!=", "<", "<=", ">", ">=")
        draw = self.rng.random()
        if draw < 0.5:
            return f"{self.number(depth)} {sign} {self.numeric(depth)}"
        if draw < 0.6:
            return f"{self.numeric(depth)} {sign} {self.number(depth)}"
        if draw < 0.9:
            return f"{self.text(depth)} {sign} {self.text(depth)}"
        if draw < 0.95:
            return f"{self.whole(depth)} {sign} {self.numeric(depth)}"
        return f"({self.boolean(depth)}) {sign} ({self.boolean(depth)})"

    def logical(self, depth: int) -> str:
        sign = self.one(" && ", " || ")
        count = self.rng.choice((2, 2, 2, 3, 4))
        return sign.join(f"({self.boolean(depth)})" for _ in range(count))

    def negated(self, depth: int) -> str:
        return f"!({self.boolean(depth)})"

    def branch(self, depth: int) -> str:
        return f"({self.boolean(depth)}) ? ({self.boolean(depth)}) : ({self.boolean(depth)})"

    def member(self, depth: int) -> str:
        if self.rng.random() < 0.5:
            items = ", ".join(self.rng.choice((*WORDS, self.text(0))) for _ in range(self.rng.randrange(4)))
            return f"{self.text(depth)} in [{items}]"
        items = ", ".join(
            self.rng.choice((*DOUBLES, *INTS, self.number(0))) for _ in range(self.rng.randrange(4))
        )
        return f"{self.numeric(depth)} in [{items}]"

    def test(self, depth: int) -> str:
        if self.rng.random() < 0.3:
            return f"{self.name()}.matches({self.one(*PATTERNS)})"
        return f"{self.text(depth)}.{self.one('contains', 'startsWith', 'endsWith')}({self.text(depth)})"

    def clock(self, _depth: int) -> str:
        part = self.one("getHours", "getMinutes", "getDayOfWeek", "getMonth", "getFullYear")
        return self.one(
            f"now.{part}() {self.one('<', '==')} {self.rng.randrange(24)}",
            f"now {self.one('<', '>')} timestamp('2026-0{self.rng.randrange(1, 9)}-01T00:00:00Z')",
            f"now - timestamp('2026-01-01T00:00:00Z') > duration('{self.rng.randrange(9999)}h')",
        )

    def model(self, _depth: int) -> str:
        model = self.one("a", "models/a", "models/unmeasured")
        return self.one(
            f"metrics('{model}').{self.one('accuracy', 'f1', 'labels')} > {self.one(*DOUBLES, *INTS)}",
            f"has(metrics('{model}').{self.one('accuracy', 'f1')})",
            "drift('models/a') == 'alert'",
        )

    def only_cel(self, depth: int) -> str:
        return self.one(
            f"int({self.number(depth)}) > {self.one(*INTS)}",
            f"string({self.number(depth)}) == '1.5'",
            f"[{self.number(depth)}, {self.one(*DOUBLES)}][0] > 1.0",
            f"{{'gold': 1, 'silver': 2}}[{self.text(depth)}] == 1",
            f"double({self.text(depth)}) > 1.0",
        )

    def name(self) -> str:
        if self.free:
            return self.one("amount", "tier", "country", "nobody", "headers['x-tier']", "features['tier']")
        return self.one(*TEXTS)

    def text(self, depth: int) -> str:
        draw = self.rng.random()
        if depth <= 0 or draw < 0.5:
            return self.name() if draw < 0.3 else self.one(*WORDS)
        inner = self.text(depth - 1)
        return self.one(f"lower({inner})", f"({inner} + {self.one(*WORDS)})", inner)

    def number(self, depth: int) -> str:
        draw = self.rng.random()
        if depth <= 0 or draw < 0.6:
            names = ("amount", "age", "nobody", "tier") if self.free else (*NUMBERS, "limit")
            return self.one(*names) if draw < 0.45 else self.one(*DOUBLES)
        if draw < 0.65:
            return f"-({self.number(depth - 1)})"
        return f"({self.number(depth - 1)} {self.one('+', '-', '*', '/')} {self.number(depth - 1)})"

    def whole(self, depth: int) -> str:
        draw = self.rng.random()
        if depth <= 0 or draw < 0.4:
            return self.one(*INTS)
        if draw < 0.7:
            return self.one(f"size({self.text(depth - 1)})", f"words({self.text(depth - 1)})")
        return f"({self.whole(depth - 1)} {self.one('+', '-', '*', '/', '%')} {self.whole(depth - 1)})"

    def value(self, depth: int) -> str:
        """An expression of any kind that has a text."""
        kind = self.rng.choice((self.text, self.number, self.whole, self.boolean, self.chosen, self.by_map))
        return kind(depth)

    def chosen(self, depth: int) -> str:
        # Kinds may differ between the branches: only the request shows which one it is.
        yes, no = self.rng.choice((self.text, self.number)), self.rng.choice((self.text, self.whole))
        return f"({self.boolean(depth)}) ? ({yes(depth)}) : ({no(depth)})"

    def by_map(self, depth: int) -> str:
        return f"{{'gold': 'high', 'silver': 'low', '': 'none'}}[{self.text(depth)}]"

    def numeric(self, depth: int) -> str:
        return self.whole(depth) if self.rng.random() < 0.3 else self.number(depth)


def view(rng: random.Random) -> Given:
    """A request in which any part may be absent."""
    numbers = {name: rng.choice(VALUES) for name in ("amount", "age", "mean radius", "ratio")}
    texts = {name: rng.choice(("gold", "silver", "", "é", "old gold", "1.5")) for name in ("tier", "country")}
    attributes: dict[str, str | float | bool] = {"vip": rng.random() < 0.5, "limit": 3.0, "segment": "gold"}
    return Given(
        kind=rng.choice(("tabular", "row")),
        numeric=Columns({name: value for name, value in numbers.items() if rng.random() < 0.8}),
        categorical=Columns({name: value for name, value in texts.items() if rng.random() < 0.8}),
        attributes=Columns(attributes if rng.random() < 0.7 else {}),
        headers=Columns({"x-tier": "gold"} if rng.random() < 0.7 else {}),
        entity_id=rng.choice(("", "vip-1")),
        now=datetime(2026, rng.randrange(1, 13), rng.randrange(1, 28), rng.randrange(24), tzinfo=UTC),
        metrics=lambda model: {"accuracy": 0.9, "labels": 1000} if model == "models/a" else None,
        drift=lambda _: "alert",
    )


# A condition is asked of several requests, one after the other.
_program = lru_cache(maxsize=8)(cel.compile)


def answer_of_cel(text: str, given: View) -> bool | None:
    """What CEL says of a condition; None for an error."""
    found = value_of_cel(text, given)
    return found if isinstance(found, bool) else None


def value_of_cel(text: str, given: View) -> object:
    """What CEL says of the whole text; None for an error."""
    features: dict[str, str | float] = {**given.numeric, **given.categorical}
    context = cel.Context(
        {
            **given.attributes,
            **features,
            "features": features,
            "attributes": dict(given.attributes),
            "headers": dict(given.headers),
            "input": {"kind": given.kind},
            "entity_id": given.entity_id,
            "now": given.now,
        },
        {
            "metrics": lambda model: given.metrics(model if "/" in model else f"models/{model}") or {},
            "drift": given.drift,
            "lower": str.lower,
            "words": lambda text: len(text.split()),
        },
    )
    try:
        found: object = _program(text).execute(context)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
        return None
    return found
