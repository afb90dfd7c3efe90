"""One window, looked at from every side: what was given and answered, by whom, against which reference."""

from collections.abc import Sequence

from turnout.drift.v1 import analysis_pb2
from turnout.drift.v1.result_pb2 import (
    CORRECTION_BONFERRONI,
    DRIFT_STATUS_ALERT,
    PSI_RULE_EPSILON,
    STATISTIC_KULLBACK_LEIBLER,
    DriftResult,
)
from turnout.drift.v1.segment_pb2 import Segment

from examples.demo.elsewhere import JUDGED, MINUTE, ROWS, SCANNER, WINDOW_MINUTES
from examples.demo.watching.bureau import Bureau
from examples.demo.watching.moments import stamp
from examples.demo.watching.references import BESIDE

# The first half was made an hour before the second.
HALF = 60 * MINUTE
# Whoever runs a demo every day wants no false alarm once a month.
CAREFUL = 1e-4


class Glass:
    """Analyses of a model at a moment, in seconds since 1970."""

    def __init__(self, bureau: Bureau, model: str, begin: float) -> None:
        self._bureau = bureau
        self._model = model
        self.late = (begin - WINDOW_MINUTES * MINUTE, begin)
        self.early = (self.late[0] - HALF, self.late[1] - HALF)

    async def before(self) -> DriftResult:
        """The first half, once it is counted."""
        found = DriftResult()

        async def counted() -> bool:
            found.CopyFrom(await self._analyse(self._asked(*self.early)))
            return found.rows >= ROWS

        await self._bureau.until(counted, seconds=20.0)
        return found

    async def after(self) -> DriftResult:
        """The second half, by every statistic."""
        request = self._asked(*self.late)
        request.statistics.append(STATISTIC_KULLBACK_LEIBLER)
        return await self._analyse(request)

    async def of(self, scanner: str) -> DriftResult:
        """The second half of one scanner against its own baseline, with little room for chance."""
        request = self._asked(*self.late)
        request.segment.CopyFrom(Segment(name=SCANNER, value=scanner))
        request.correction, request.significance = CORRECTION_BONFERRONI, CAREFUL
        return await self._analyse(request)

    async def beside(self) -> DriftResult:
        """One column of the second half, against the baseline that is counted beside the active one."""
        request = self._asked(*self.late)
        request.baseline = f"{self._model}/baselines/{BESIDE}"
        request.features.append(JUDGED)
        request.psi_rule = PSI_RULE_EPSILON
        return await self._analyse(request)

    async def latest(self) -> DriftResult:
        """What was found last of all traffic and all columns."""
        request = analysis_pb2.GetLatestResultRequest(model=self._model)
        reply = await self._bureau.ask("GetLatestResult", request)
        result: DriftResult = reply.result
        return result

    async def kept(self) -> Sequence[DriftResult]:
        """The alerts among what is kept, whatever was compared."""
        request = analysis_pb2.ListResultsRequest(
            model=self._model, status=DRIFT_STATUS_ALERT, all_comparisons=True
        )
        reply = await self._bureau.ask("ListResults", request)
        return list(reply.results)

    def _asked(self, start: float, end: float) -> analysis_pb2.AnalyzeRequest:
        return analysis_pb2.AnalyzeRequest(model=self._model, start_time=stamp(start), end_time=stamp(end))

    async def _analyse(self, request: analysis_pb2.AnalyzeRequest) -> DriftResult:
        result: DriftResult = (await self._bureau.ask("Analyze", request)).result
        return result
