"""Assignment betting in both directions: do two arms differ at all in how often something happens?

The question of missing labels: value 1 where an observation's label never came within its horizon. Arms that
lose labels at different rates are compared on what is left of each, which is no fair comparison.
Half of the capital bets on more in the treatment, half on less; otherwise as in `binary`.
"""

from services.feedback.sequential import binary
from services.feedback.sequential.seen import Floats, Seen

BETS = (*binary.BETS, *(-effect for effect in binary.BETS))
WHOLE = CHOICE = True


def multiply(seen: Seen, margin: float, bet: float) -> Floats:
    """Factors of the capital that bets on the effect `bet`, which may be below 0."""
    return binary.multiply(seen, margin, bet)
