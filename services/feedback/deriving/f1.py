"""How much of a text's words are the truth's: a mean per prediction, which the F1 of classes is not.

Rajpurkar et al., SQuAD (arXiv 1606.05250): the harmonic mean of the shares of words in common, without
articles and punctuation.
"""

import re
from collections import Counter

from services.feedback.deriving.seen import Seen, Value

_ARTICLES = frozenset({"a", "an", "the"})
_WORD = re.compile(r"\w+")


def measure(seen: Seen, truth: Value) -> float | None:
    """F1 of the words; None where either is no text. Two texts without words are alike.

    >>> measure(Seen(answer="The capital is Paris."), "Paris")
    0.5
    """
    if not (isinstance(seen.answer, str) and isinstance(truth, str)):
        return None
    said, wanted = _words(seen.answer), _words(truth)
    if not (said and wanted):
        return float(not said and not wanted)
    common = (said & wanted).total()
    return 2 * common / (said.total() + wanted.total())


def _words(text: str) -> Counter[str]:
    return Counter(word for word in _WORD.findall(text.lower()) if word not in _ARTICLES)
