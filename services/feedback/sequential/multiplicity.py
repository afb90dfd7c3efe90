"""Many questions at once: guardrails and treatments share alpha out, segments are read by e-BH.

Guardrails and treatments: each of m has alpha/m, so that any of them is declared wrongly with a probability
of at most alpha, however they depend on each other (Bonferroni). Segments are looked at out of curiosity, and
are many: e-BH declares those with the k* greatest e-values, k* the greatest k with e_(k) ≥ m/(k alpha); at
most alpha of what it declares is wrong in the mean, however segments depend on each other.

Reference: R. Wang and A. Ramdas, False discovery rate control with e-values, JRSS B 2022.

>>> declared(np.log([900.0, 70.0, 30.0, 2.0]), 0.05)
array([ True,  True,  True, False])
"""

import numpy as np
from numpy.typing import NDArray

from services.feedback.sequential.seen import Flags, Floats


def shared(alpha: float, questions: int) -> float:
    """What each of so many questions may spend of alpha."""
    return alpha / max(questions, 1)


def declared(log_e: Floats, alpha: float) -> Flags:
    """Which of the hypotheses e-BH refuses, in their order.

    log_e: logarithms of e-values: of present capital (`folding.log_capital`) at one look. The greatest
    capital so far is none; `insured` makes one of it.
    """
    order: NDArray[np.intp] = np.argsort(-log_e, kind="stable")
    ranks = np.arange(1, len(log_e) + 1)
    enough = log_e[order] >= np.log(len(log_e) / (ranks * alpha))
    refused = np.zeros(len(log_e), dtype=bool)
    refused[order[: ranks[enough].max(initial=0)]] = True
    return refused


def insured(greatest: Floats) -> Floats:
    """The e-value that a greatest capital y is worth, (y − 1 − ln y)/(ln y)²; both as logarithms.

    It is less: the price of keeping what a process once had. The integral of κ y^(1−κ) over κ in [0, 1];
    G. Shafer, A. Shen, N. Vereshchagin and V. Vovk, Test martingales, Bayes factors and p-values, Statistical
    Science 2011, section 3.
    """
    log_y = np.maximum(greatest, 1e-3)  # the limit at 0 is 1/2, which is nobody's evidence
    # Divided by y first: capital of e^1000 is nothing unusual.
    within = -np.expm1(-log_y) - log_y * np.exp(-log_y)
    return np.asarray(log_y + np.log(within) - 2.0 * np.log(log_y))
