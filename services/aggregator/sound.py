"""Whether what somebody answered is something that the plan can work with: if not, that one has failed, and
the others go on. What a combiner would have to refuse costs everybody's answer."""

import numpy as np
from turnout.inference.v1.output_pb2 import Output

from services.aggregator.answers import Answer, Floats, Tensors, Vectors, kind_of
from services.aggregator.checks.verifier import Verifier
from services.aggregator.combiners.kinds import EMBEDDING, TENSORS
from services.aggregator.errors import Unreadable
from services.aggregator.plan import BestOfN, Jury, MixtureOfN, Pattern, Plan, Sequence
from services.aggregator.wording import answer_of
from services.models.embedding_request import LONGEST_TEXT

# They compute with every element of a tensor; the others pass it on as it is, and models may mean its NaN.
ARITHMETIC = ("average", "weighted_average", "median")
# What nobody can judge who reads words.
WORDLESS = (TENSORS, EMBEDDING)
WORDS = "labels, numbers, texts, JSON or calls of tools"


def require_sound(answer: Answer, plan: Plan) -> None:
    """Raise Unreadable for an answer that neither the plan's method nor its reader can do anything with."""
    require_numbers(answer, plan.recipe.method if isinstance(plan.pattern, Jury) else "")
    if (kind := kind_of(answer)) in WORDLESS and (reader := reader_of(plan.pattern)) is not None:
        raise Unreadable("", f"{WORDS} expected, which {reader[1]} can read; got {kind}")


def require_readable(served: Output, answer: Answer, plan: Plan) -> None:
    """Raise Unreadable for an answer that is longer than the plan's embedder, who reads it with all others,
    would take."""
    if plan.embedder is None or isinstance(answer, Vectors):
        return
    if (length := len(answer_of(served))) > LONGEST_TEXT:
        said = f"at most {LONGEST_TEXT} characters expected, which the embedder reads; got {length}"
        raise Unreadable("text.content", said)


def require_numbers(answer: Answer, method: str) -> None:
    """The same of the method alone, in the words of the output's fields."""
    if isinstance(answer, Tensors) and method in ARITHMETIC:
        for name, array in answer.tensors.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise Unreadable(f"tensors.{name}", f"finite numbers expected: {method} computes with them")
    if isinstance(answer, Vectors) and method == "semantic_mean" and (row := aimless(answer.values)) >= 0:
        said = f"vectors of a length above 0 expected; that of row {row} has no direction"
        raise Unreadable("embedding.values", said)


def aimless(vectors: Floats) -> int:
    """The first of `vectors` [rows, dimension] that has no direction: it is zero, or no vector of finite
    numbers; -1 if all have one.

    >>> aimless(np.array([[1.0, 0.0], [0.0, 0.0]])), aimless(np.array([[0.1, 0.2]]))
    (1, -1)
    """
    # Overflow is an answer too: it has no direction either.
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(vectors, axis=1)
    bad = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    return int(bad[0]) if len(bad) else -1


def reader_of(pattern: Pattern) -> tuple[str, str] | None:
    """Who reads the members' answers as words: the pattern's field that names it, and what it is."""
    match pattern:
        case BestOfN():
            return "best_of_n.judge", "a judge"
        case MixtureOfN():
            return "mixture_of_n.fuser", "a fuser"
        case Sequence(name=name, check=check) if check is not None and isinstance(check.kind, Verifier):
            return f"{name}.check.verifier", "a verifier"
    return None
