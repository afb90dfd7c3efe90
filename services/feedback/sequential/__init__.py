"""Anytime-valid statistics of experiments and canaries: evidence that may be looked at as often as one likes.

`PROCESSES` holds the betting processes by the kind of their question. Each exports `multiply(seen, margin,
bet)`, the factor by which one bet's capital grows with each observation; `BETS`, among which the capital is
divided; `WHOLE`, whether values are 0 and 1 only and there is no margin; and `CHOICE`, whether it learns only
where both arms could have been chosen. Under the null hypothesis a factor has a mean of at most 1 given all
that was decided before, so that by Ville's inequality the capital ever reaches 1/alpha with a probability of
at most alpha, whoever looks and when.

`folding` runs them over observations, `display` estimates for people, `srm` tests the assignment itself,
`judging` comes to a verdict, `multiplicity` shares alpha out, `planning` says how long it takes.
"""

from collections.abc import Mapping
from types import ModuleType

from services.feedback.sequential import binary, differs, level, mean

PROCESSES: Mapping[str, ModuleType] = {"binary": binary, "mean": mean, "differs": differs, "level": level}
