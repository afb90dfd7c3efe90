"""What is told of an upload."""

from collections.abc import Iterator, Sequence

from turnout.drift.v1 import baseline_pb2, feature_role_pb2
from turnout.drift.v1 import baseline_rpc_pb2 as rpc
from turnout.router.v1 import model_pb2

from services.drift.uploading.gathering import Wanted
from services.drift.uploading.session import Outcome
from services.drift.uploading.wishes import Kind

KINDS = {
    Kind.NUMERIC: model_pb2.FEATURE_KIND_NUMERIC,
    Kind.CATEGORICAL: model_pb2.FEATURE_KIND_CATEGORICAL,
}
# Of columns that were left out, in a file of ten thousand.
MOST_COLUMNS = 1_000


def reply_of(outcome: Outcome, shown: Sequence[baseline_pb2.Baseline]) -> rpc.UploadBaselineResponse:
    """The reply: the baselines as they are shown, all traffic first, and how the file was read."""
    segments = [baseline_pb2.Baseline() for _ in shown[1:]]
    for short, whole in zip(segments, shown[1:], strict=True):
        short.CopyFrom(whole)
        short.ClearField("features")
    return rpc.UploadBaselineResponse(
        baseline=shown[0],
        segment_baselines=segments,
        columns=list(_columns(outcome))[:MOST_COLUMNS],
        rows=outcome.rows - outcome.refused,
        refused=outcome.refused,
        errors=[
            rpc.RefusedBaselineRow(line=one.line, column=one.column, message=one.why) for one in outcome.told
        ],
        format=rpc.BaselineFileFormat.Name(outcome.form.value),
    )


def _columns(outcome: Outcome) -> Iterator[rpc.BaselineColumn]:
    features = {feature.name: feature for feature in outcome.made[0].features}
    for asked, wanted in zip(outcome.schema.asked, outcome.schema.wanted, strict=True):
        if feature := features.get(wanted.name):
            yield _used(asked.column, wanted, feature.frame.absent(feature.tally))
    for column, reason in outcome.left.items():
        yield rpc.BaselineColumn(column=column, reason=reason)


def _used(column: str, wanted: Wanted, missing: int) -> rpc.BaselineColumn:
    return rpc.BaselineColumn(
        column=column,
        name=wanted.name,
        kind=KINDS[wanted.kind],
        role=feature_role_pb2.FeatureRole.Name(wanted.role.value),
        reason=wanted.reason,
        missing=missing,
    )
