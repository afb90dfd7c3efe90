"""The chapter in sentences: what was asked of drift, and what came of it."""

from collections.abc import Mapping, Sequence

from turnout.drift.v1.alert_pb2 import Alert
from turnout.drift.v1.concept_pb2 import ConceptDrift
from turnout.drift.v1.result_pb2 import DriftResult, FeatureDrift

from examples.demo.elsewhere import ANSWER, GRADE, JUDGED, LOST, NEW, OLD
from examples.demo.evidence import Looks, Note, Watch
from examples.demo.watching.references import BESIDE, COUNTED, TRAFFIC, Survey


class Notes:
    """In the order in which they are understood: baselines come first, though one is made of traffic."""

    def __init__(self) -> None:
        self._baselines: list[Note] = []
        self._rest: list[Note] = []

    @property
    def told(self) -> Sequence[Note]:
        """All of them."""
        return [*self._baselines, *self._rest]

    def survey(self, rows: int, of_traffic: int, survey: Survey) -> None:
        """Where baselines come from."""
        self._baselines = [
            Note(
                ["UploadBaseline"],
                f"{rows} training rows, a CSV file: a baseline of all traffic and one of each scanner",
            ),
            Note(
                ["CreateBaseline", "SetActiveBaseline"],
                f"three more: '{BESIDE}' of values in the request, on which traffic is counted beside the "
                f"active one; '{COUNTED}' of somebody's histogram; '{TRAFFIC}' of {of_traffic} logged rows",
            ),
            Note(
                ["ListBaselines", "GetBaseline", "GetActiveBaseline", "DeleteBaseline"],
                f"{sum(survey.sources.values())} baselines; active: '{survey.active}', '{survey.of_new}' "
                f"for the {NEW} scanner; '{COUNTED}' is deleted, which leaves {survey.left}",
            ),
        ]

    def logged(self, watch: Watch, of_new: int) -> None:
        """Predictions and labels."""
        waiting, left = watch.unmatched
        labels = ", ".join(f"{count} {status.lower()}" for status, count in watch.labels.items())
        self._tell(
            ["LogPrediction", "LogPredictions"],
            f"{watch.logged} predictions; {watch.duplicates} came twice and counts once",
        )
        self._tell(
            ["AddGroundTruth", "BatchAddGroundTruth", "UploadGroundTruth"],
            f"one label, twenty more, and a file of the others: {labels}",
        )
        self._tell(
            ["ListUnmatchedPredictions", "ListPredictions"],
            f"{waiting} waited for their truth, and now {left}; {of_new} of the {NEW} scanner have it",
        )

    def looks(self, looks: Looks, after: DriftResult) -> None:
        """What analyses say."""
        grade, lost, judged = (looks.after.of(name) for name in (GRADE, LOST, JUDGED))
        answer, beside = looks.after.of(ANSWER), looks.beside.of(JUDGED)
        of_old, of_new = looks.old.status, looks.new.status
        said = [
            f"an hour ago: {looks.before.status} in {looks.before.rows} rows",
            f"just now: {looks.after.status} in {looks.after.rows} rows; {_measured(after, JUDGED)}",
            f"missing: {lost.missing:.1%} of {LOST}; out of range: {judged.outside:.1%} of {JUDGED}",
            f"never seen before: {', '.join(grade.unseen) or 'nothing'}, {grade.outside:.1%} of {GRADE}",
            f"what it says has moved with it: {ANSWER} {answer.status}, PSI {answer.psi:.2f}",
            f"the {OLD} scanner's: {of_old}; the {NEW} one's: {of_new} (own baselines; Bonferroni, 0.0001)",
            f"by '{BESIDE}', one column: {JUDGED} {beside.status}, PSI {beside.psi:.2f}",
        ]
        self._tell(["Analyze"], "\n".join(said))

    def kept(self, latest: DriftResult, alerts: Sequence[DriftResult]) -> None:
        """What is kept."""
        self._tell(
            ["GetLatestResult", "ListResults"],
            f"every result is kept, {len(alerts)} in alert; the latest of all traffic: {latest.summary}",
        )

    def tested(self, delivered: bool) -> None:
        """The webhook, tried."""
        self._tell(
            ["UpdateAlertConfig", "TestAlert"],
            f"from now on a look a minute, at all traffic and at the {NEW} scanner's; a webhook "
            f"{'took' if delivered else 'did not take'} the test",
        )

    def alarmed(self, watch: Watch, alerts: Sequence[Alert]) -> None:
        """The first look."""
        about = [
            f"{one.segment.name} {one.segment.value}" if one.HasField("segment") else "all traffic"
            for one in alerts
        ]
        self._tell(["GetAlertConfig", "GetResult"], f"the first look: {watch.status}, {watch.feature} first")
        self._tell(
            ["ListAlerts", "WatchAlerts"],
            f"{len(alerts)} alerts ({', '.join(sorted(about)) or 'of nothing'}): the webhook heard "
            f"{', '.join(watch.heard)}; a follower {', '.join(watch.followed)}",
        )

    def judged(self, concept: ConceptDrift, right: Mapping[str, float]) -> None:
        """What labels say."""
        shares = ", ".join(f"{share:.1%} ({scanner} scanner)" for scanner, share in sorted(right.items()))
        alarms = ", ".join(sorted({one.detector for one in concept.signals if one.alarms}))
        self._tell(["GetPerformanceHistory"], f"right in {shares}; detectors in alarm: {alarms or 'none'}")

    def _tell(self, asked: Sequence[str], said: str) -> None:
        self._rest.append(Note(asked, said))


def _measured(result: DriftResult, name: str) -> str:
    """Every statistic of a feature."""
    one = next((one for one in result.features if one.feature == name), FeatureDrift(feature=name))
    return (
        f"{name}: PSI {one.psi:.2f}, KS {one.ks:.2f}, chi-square {one.chi_square:.0f}, Jensen-Shannon "
        f"{one.jensen_shannon:.2f}, Hellinger {one.hellinger:.2f}, L∞ {one.l_infinity:.2f}, Wasserstein "
        f"{one.wasserstein_per_deviation:.2f} sd, Kullback-Leibler {one.kullback_leibler:.2f}"
    )
