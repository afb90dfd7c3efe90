"""StreamPredict: pieces of an answer, and the account of it in the last message."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from turnout.inference.v1.output_pb2 import Output
from turnout.router.v1 import inference_service_pb2 as rpc
from turnout.router.v1.inference_service_pb2 import PredictRequest

from services.foundation.call import Call
from services.foundation.errors import InvalidArgument
from services.models.framing import delimited, text
from services.router.config.problems import renamed
from services.router.deciding.choosing import Choice
from services.router.deciding.plan import Arm, Jury, RoutingPlan
from services.router.execution.equipment import Equipment
from services.router.execution.jury import ask_all
from services.router.execution.ledger import Ledger
from services.router.execution.limits import check_rows
from services.router.execution.opening import opened
from services.router.execution.requests import check
from services.router.execution.telling import Telling
from services.router.failures import PredictionCancelled
from services.state.names import resource_name

_DELTA = rpc.StreamPredictResponse.DELTA_FIELD_NUMBER
_RESPONSE = rpc.StreamPredictResponse.RESPONSE_FIELD_NUMBER


class OtherRouter(InvalidArgument):
    """The question is for another router than the call."""


def question_of(request: rpc.StreamPredictRequest) -> PredictRequest:
    """The question, which need not say again which router it is for. Raises BadName, OtherRouter, and what
    `check` does, of the fields as they lie in the call."""
    inner = request.request
    if not request.router:
        # Whoever names it inside alone is told where it belongs.
        resource_name("routers", "", "router")
    if inner.router and inner.router != request.router:
        said = f"empty, or {request.router!r} as the call's own; got {inner.router[:100]!r}"
        raise OtherRouter(f"request.router: {said}", fields=[("request.router", said)])
    inner.router = request.router
    try:
        check(inner)
    except InvalidArgument as wrong:
        raise renamed(wrong, "request.{}".format) from None
    return inner


def in_one(ledger: Ledger, request: PredictRequest) -> bytes:
    """The only StreamPredictResponse, serialized, of an answer that came in one piece."""
    said = Output.FromString(ledger.output).text.content
    return text(_DELTA, said) + _last(ledger, request)


def _last(ledger: Ledger, request: PredictRequest) -> bytes:
    return delimited(_RESPONSE, ledger.reply(request))


class Words:
    """The words of a jury's final step, on their way from who asks to who tells; None ends them."""

    def __init__(self) -> None:
        self.said = False
        self.coming: asyncio.Queue[str | None] = asyncio.Queue()

    def say(self, words: str) -> None:
        """They go on."""
        self.said = True
        self.coming.put_nowait(words)

    def end(self, asking: "asyncio.Task[Ledger]") -> None:
        """Nothing more comes."""
        if not asking.cancelled():
            # Looked at here: nobody else does once the reader has left.
            asking.exception()
        self.coming.put_nowait(None)


async def tell_all(
    plan: RoutingPlan, jury: Jury, choice: Choice, request: PredictRequest, call: Call, use: Equipment
) -> AsyncGenerator[bytes, None]:
    """The same as `tell`, of a jury: in pieces where its answer is one model's text, else in one."""
    words = Words()
    asking = asyncio.ensure_future(ask_all(plan, jury, choice, request, call, use, words))
    asking.add_done_callback(words.end)
    try:
        while (said := await words.coming.get()) is not None:
            yield text(_DELTA, said)
    finally:
        asking.cancel()
        # It accounts for the prediction before it ends; what came of it is read below.
        await asyncio.wait([asking])
    ledger = asking.result()
    yield _last(ledger, request) if words.said else in_one(ledger, request)


async def tell(
    plan: RoutingPlan, arm: Arm, choice: Choice, request: PredictRequest, call: Call, use: Equipment
) -> AsyncGenerator[bytes, None]:
    """Serialized StreamPredictResponses, the last one with the account, which is closed and logged.

    Raises the failure, with the prediction's id, of who spoke last, or of the chosen variant where nobody
    spoke. Closed or cancelled, the prediction is logged as cancelled.
    """
    carrying = plan.carrying
    question = arm.handle.prepare(request.input)
    if carrying is not None:
        check_rows(plan.name, carrying.limits, question.rows)
    ledger = opened(plan, arm, question, choice, request, call, use)
    telling = Telling(plan, request.input, call, use, pinned=choice.route is plan.pinned)
    ended = False
    try:
        async with aclosing(telling.pieces(arm, question)) as pieces:
            async for said in pieces:
                yield text(_DELTA, said)
        ended = True
    finally:
        telling.enter(ledger)
        if not ended:
            ledger.fail(PredictionCancelled("the caller cancelled the prediction"))
            use.log(plan, ledger)
    if carrying is not None and carrying.mirror is not None:
        use.mirrors.offer(plan, carrying.mirror, telling.chain.variants, request.input, call, ledger)
    await use.conclude(plan, ledger, telling.result, call)
    yield _last(ledger, request)
