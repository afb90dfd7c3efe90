"""Which kinds of answers each method combines: a plan can be refused by it before anybody is asked."""

CLASSES, NUMBERS, TEXT = "labels", "numbers", "text"
JSON, CALLS, TENSORS, EMBEDDING = "json", "tool calls", "tensors", "embedding"

TAKES: dict[str, tuple[str, ...]] = {
    "vote": (CLASSES, TEXT, JSON, CALLS),
    "average": (CLASSES, NUMBERS, TENSORS, EMBEDDING),
    "weighted_average": (CLASSES, NUMBERS, TENSORS, EMBEDDING),
    "max_confidence": (CLASSES, NUMBERS, TEXT, JSON, CALLS, TENSORS, EMBEDDING),
    "stacking": (CLASSES, NUMBERS),
    "median": (CLASSES, NUMBERS, TENSORS),
    "log_pool": (CLASSES,),
    "semantic_mean": (TEXT, JSON, CALLS, EMBEDDING),
    "json_majority": (JSON, CALLS),
}


def methods_for(kind: str) -> list[str]:
    """The methods that combine answers of that kind.

    >>> methods_for("tensors")
    ['average', 'weighted_average', 'max_confidence', 'median']
    """
    return [method for method, kinds in TAKES.items() if kind in kinds]


def either(words: list[str] | tuple[str, ...]) -> str:
    """The words as a choice.

    >>> either(["a", "b", "c"])
    'a, b or c'
    """
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
