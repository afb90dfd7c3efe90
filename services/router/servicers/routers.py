"""RouterService: one service of many methods, a file per theme."""

from services.router.servicers.canaries import Canaries
from services.router.servicers.histories import Histories
from services.router.servicers.lifecycles import Lifecycles
from services.router.servicers.outcomes import Outcomes
from services.router.servicers.predictions import Predictions
from services.router.servicers.proposals import Proposals
from services.router.servicers.variants import Variants
from services.router.servicers.watches import Watches


class RouterService(Proposals, Lifecycles, Variants, Canaries, Histories, Predictions, Outcomes, Watches):
    """Everything of a router but its predictions' answers."""

    SERVICE = "turnout.router.v1.RouterService"
