"""A prediction on a terminal: the answer first, then the account of it."""

from rich.console import Group, RenderableType
from rich.text import Text
from turnout.router.v1.inference_service_pb2 import PredictResponse

from services.cli.speech import plain
from services.cli.told import answers, manifests


def view(reply: PredictResponse, *, answered: bool = False) -> RenderableType:
    """The whole of it; the answer is left out where it was shown as it came."""
    parts: list[RenderableType] = []
    if not answered:
        parts.append(Text(plain(answers.whole(reply.output)), style="bold"))
    return Group(*parts, manifests.view(reply.manifest))
