"""FeedbackService, meta-models: fitted from full panels whose truth is known."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from turnout.feedback.v1 import stacker_pb2 as wire
from turnout.router.v1.router_pb2 import Router

from services.feedback.offpolicy.gathering import RECORDS_AT_ONCE, Span
from services.feedback.router_door import RouterDoor
from services.feedback.stackers.fitting import Fitted, Gain, TooFewPanels, learn
from services.feedback.stackers.panels import Panels, Row, matched
from services.feedback.wire.panels import rows_of
from services.feedback.wire.stackers import change_of, folds_of, members_of, stacker_of
from services.foundation.call import Call
from services.foundation.errors import FailedPrecondition
from services.state.config_reader import ConfigReader
from services.state.names import resource_name
from services.state.records import RecordStore
from services.state.refusals import check_etag
from services.state.stackers import StackerVersions
from services.state.truths import TruthReader


class NoGain(FailedPrecondition):
    """A meta-model that is not known to help."""

    reason = "NO_GAIN"


@dataclass(frozen=True)
class Fitter:
    """Reads panels, fits, and asks the router for the change. `now` is in seconds since 1970."""

    routers: ConfigReader[Router]
    records: RecordStore
    truths: TruthReader
    versions: StackerVersions
    router: RouterDoor
    now: Callable[[], float]

    async def fit(self, request: wire.FitStackerRequest, call: Call) -> wire.FitStackerResponse:
        """Fit a router's meta-model. Raises BadFit, NoEnsemble, TooFewPanels, NoGain, and what the router
        refuses."""
        folds, span = folds_of(request, self.now())
        name = resource_name("routers", request.router, "router")
        router = await self.routers.read(name, field="router")
        members = members_of(router)
        if request.apply:
            # Before any work is done for a router that is another one by now.
            check_etag(router, request.etag)
        rows = await self._rows(router.uid, members, span)
        if not rows:
            raise TooFewPanels(f"{name} has no full panel of {', '.join(members)} with a truth", rows=0)
        # Labels and numbers do not mix: what the newest rows are is what is fitted.
        kind = type(rows[0].truth)

        def work() -> tuple[Panels, Fitted]:
            panels = matched(members, [row for row in rows if type(row.truth) is kind])
            return panels, learn(panels, folds)

        # A second or more: the event loop goes on meanwhile.
        panels, found = await asyncio.to_thread(work)
        stacker = stacker_of(found, panels, folds, router, self.now())
        reply = wire.FitStackerResponse(stacker=stacker)
        if not found.helps:
            _refuse(stacker, request.force)
            reply.warnings.append(f"it is not known to help: {_gains(stacker)}")
        reply.stacker.version = await self.versions.next(router.uid)
        reply.stacker.learnt.version = reply.stacker.version
        if request.apply:
            changed = await self.router.update(change_of(reply.stacker, router, request.etag), call)
            reply.router.CopyFrom(changed.router)
            reply.warnings.extend(changed.warnings)
        return reply

    async def _rows(self, uid: str, members: list[str], span: Span) -> list[Row]:
        rows: list[Row] = []
        read, token = 0, ""
        while read < span.most:
            page = await self.records.list(
                uid,
                self.now(),
                start=span.start,
                end=span.end,
                page_size=min(RECORDS_AT_ONCE, span.most - read),
                page_token=token,
            )
            read += len(page.records)
            truths = await self.truths.read(page.records)
            for record in page.records:
                rows.extend(rows_of(record.event, members, truths))
            token = page.next_page_token
            if not token:
                break
        return rows


def _refuse(stacker: wire.Stacker, force: bool) -> None:
    if not force:
        raise NoGain(
            f"the meta-model is not known to help: {_gains(stacker)}; force returns it all the same",
            over_best_member=stacker.over_best_member.gain,
            over_average=stacker.over_average.gain,
        )


def _gains(stacker: wire.Stacker) -> str:
    def told(gain: Gain | wire.HeldOutGain) -> str:
        return f"{gain.gain:+.4g} ({gain.low:+.4g} to {gain.high:+.4g})"

    return (
        f"{stacker.metric} gains {told(stacker.over_best_member)} over {stacker.best_member} and "
        f"{told(stacker.over_average)} over plain averaging, held out on {stacker.rows} rows"
    )


class StackerRpcs:
    """A part of FeedbackService."""

    fitter: Fitter

    async def FitStacker(self, request: wire.FitStackerRequest, call: Call) -> wire.FitStackerResponse:
        """Learn a stacking meta-model from matched predictions."""
        return await self.fitter.fit(request, call)
