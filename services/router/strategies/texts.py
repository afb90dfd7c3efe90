"""What can be told of a text at a glance: how complex a task it sets, and whose domain's words it uses.

The score is a logistic function of counts, each capped, with weights set by hand; docs/decisions/0014
measures it against counting words.
"""

import math
import re
from collections.abc import Collection
from typing import NamedTuple

# What lies beyond is not looked at: the task is stated before that, or the length has said enough.
LONGEST_TEXT = 8192

_WORD = re.compile(r"\w+")
_CODE = re.compile(
    r"```|\b(?:def|class|import|SELECT|JOIN|async|await|lambda|regex|traceback|stack trace|segfault"
    r"|deadlock|mutex|thread-safe|refactor|unit tests?|schema|API|algorithm|recursi\w+|compiler?)\b"
    r"|\bO\(|[{};]\s*$"
    r"|=>|->|::",
    re.MULTILINE,
)
_MATH = re.compile(
    r"[∫∑√≤≥∀∃∈∂]|\\frac|\\sum|\b(?:integral|derivative|matrix|eigen\w+|theorem|lemma|probabilit\w+|equations?|"
    r"polynomial|converges?|variance|expected value|modulo|proof|inequality)\b|\d\s*[\^]\s*\w",
    re.IGNORECASE,
)
_REASONING = re.compile(
    r"\b(?:prove|derive|design|analy[sz]e|compare|contrast|evaluate|critique|optimi[sz]e|explain why|justify|"
    r"trade-?offs?|implement|debug|diagnose|plan|architect\w*|step by step|reason|infer|deduce|synthesi[sz]e|"
    r"reconcile|formali[sz]e|estimate|propose|assess|investigate|root cause|strategy|counter-?example|"
    r"pros and cons|implications?|how would|what would happen|why (?:does|do|is|are|did|would|might))\b",
    re.IGNORECASE,
)
_CONSTRAINTS = re.compile(
    r"\b(?:must(?: not)?|should|at (?:least|most)|without|only|exactly|no more than|ensure|given that|"
    r"assum\w+|such that|subject to|constraints?|under \d|within \d|each|every|unless|while (?:keeping|also)|"
    r"taking into account|considering|including|both|avoid\w*|then)\b",
    re.IGNORECASE,
)
_STEPS = re.compile(r"^\s*(?:[-*•]|\(?\d+[.)])\s+|;\s|\?(?=\s|$)", re.MULTILINE)


class Looks(NamedTuple):
    """What a request shows beside its text."""

    turns: int = 1
    tools: int = 0
    structured: bool = False


def complexity(text: str, looks: Looks = Looks()) -> float:  # noqa: B008 (immutable)
    """How complex a task the text sets, in [0, 1].

    >>> complexity("What is the capital of France?") < 0.4
    True
    >>> complexity("Prove that the algorithm terminates, then derive its expected running time.") > 0.5
    True
    """
    seen = text[:LONGEST_TEXT]
    words = len(_WORD.findall(seen))
    total = (
        -1.55
        + 0.55 * math.log2(1 + words / 8)
        + 1.1 * min(len(_REASONING.findall(seen)), 3)
        + 0.45 * min(len(_CONSTRAINTS.findall(seen)), 5)
        + 0.7 * min(len(_CODE.findall(seen)), 3)
        + 0.8 * min(len(_MATH.findall(seen)), 3)
        + 0.25 * min(len(_STEPS.findall(seen)), 5)
        + 0.1 * min(looks.turns - 1, 6)
        + 0.4 * min(looks.tools, 3)
        + 0.5 * looks.structured
    )
    return 1 / (1 + math.exp(-total))


def words_of(text: str) -> frozenset[str]:
    """The distinct words of a text, in lower case."""
    return frozenset(_WORD.findall(text[:LONGEST_TEXT].lower()))


def domain_words(words: Collection[str], domain: Collection[str]) -> int:
    """How many of a domain's words are among `words`.

    >>> domain_words(words_of("Is this contract void? Ask a lawyer."), {"contract", "lawyer", "clause"})
    2
    """
    return sum(word in words for word in domain)
