"""What fifty rules over thirty features cost one decision: `python -m benchmarks.rules`.

CPU microseconds per evaluation of the whole list, the request's view included; no rule holds, so that every
one is asked. Beside it, what the same list costs when CEL's library runs it.
"""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

import cel
from google.protobuf.struct_pb2 import Struct
from turnout.inference.v1.input_pb2 import Input, TabularInput

from services.router.conditions import Kind, Rule, Rules, Schema, compile_condition
from services.router.conditions.requests import RequestView

FEATURES, RULES, ROUNDS = 30, 50, 2000
NUMBERS = [f"f{place}" for place in range(20)]
TEXTS = [f"c{place}" for place in range(FEATURES - len(NUMBERS))]
SCHEMA = Schema(dict.fromkeys(NUMBERS, Kind.NUMBER) | dict.fromkeys(TEXTS, Kind.TEXT))
SHAPES = (
    "{c} == 'enterprise' && {f} > 1000.0",
    "{c} == 'consumer' || {f} > 1000.0 && {g} < 5.0",
    "{f} * 2.0 + {g} > 1000.0",
    "{c} in ['enterprise', 'partner', 'government']",
    "{c}.startsWith('ent') && {f} >= 1.0",
    "{f} > 1000.0 || {g} < -1.0",
)


def conditions(rng: random.Random) -> list[str]:
    """Fifty conditions that are almost true."""
    return [
        SHAPES[place % len(SHAPES)].format(c=rng.choice(TEXTS), f=rng.choice(NUMBERS), g=rng.choice(NUMBERS))
        for place in range(RULES)
    ]


def inputs(rng: random.Random) -> dict[str, Input]:
    """The same record in both of its forms."""
    numbers = {name: rng.uniform(0, 100) for name in NUMBERS}
    texts = dict.fromkeys(TEXTS, "small business")
    row = Struct()
    row.update({**numbers, **texts})
    tabular = TabularInput(numeric_features=numbers, categorical_features=texts)
    return {"tabular": Input(tabular=tabular), "row": Input(row=row)}


def microseconds(work: Callable[[], object]) -> float:
    """CPU time of one call, the least of five rounds: what disturbs it only adds."""
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(ROUNDS // 5):
            work()
        best = min(best, time.process_time() - began)
    return best / (ROUNDS // 5) * 1e6


def by_library(texts: list[str], asked: Input) -> Callable[[], object]:
    """Every condition as a program of CEL, its names resolved when it asks for them."""
    programs = [cel.compile(text) for text in texts]

    def work() -> object:
        numbers, words = asked.tabular.numeric_features, asked.tabular.categorical_features
        context = cel.Context()
        context.set_variable_resolver(lambda name: numbers.get(name, words.get(name)))
        return [program.execute(context) for program in programs]

    return work


def asking(rules: Rules, asked: Input, now: float) -> Callable[[], object]:
    """All rules, for a request that nothing has been read of yet."""
    return lambda: rules.first(RequestView(SCHEMA, asked, {}, "", now))


def main() -> None:
    """Print the measurements."""
    rng = random.Random(7)
    texts, given = conditions(rng), inputs(rng)
    began = time.process_time()
    rules = Rules(
        Rule(f"r{place}", place, compile_condition(text, SCHEMA)) for place, text in enumerate(texts)
    )
    print(f"compiling one condition     {(time.process_time() - began) / RULES * 1e6:8.1f} µs")
    now = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    for kind, asked in given.items():
        assert rules.first(RequestView(SCHEMA, asked, {}, "", now)).rule is None
        spent = microseconds(asking(rules, asked, now))
        print(f"{RULES} rules, {kind:8}           {spent:8.1f} µs")
    print(f"{RULES} programs of CEL's library  {microseconds(by_library(texts, given['tabular'])):8.1f} µs")


if __name__ == "__main__":
    main()
