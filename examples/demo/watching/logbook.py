"""What was predicted elsewhere, and what turned out to be true: logged, labelled, matched."""

import random
from collections import Counter
from collections.abc import Sequence

from google.protobuf.message import Message
from turnout.drift.v1 import logging_pb2, truth_pb2
from turnout.drift.v1.segment_pb2 import Segment
from turnout.inference.v1.event_pb2 import Truth

from examples.demo.elsewhere import GRADE, NEW, SCANNER, Prediction, truth_file
from examples.demo.watching.bureau import Bureau
from examples.demo.watching.moments import stamp

# A page of a list.
PAGE = 1000
# Labels that are not in the file: the first by itself, so many more in a batch.
IN_A_BATCH = 20


async def log(bureau: Bureau, model: str, made: Sequence[Prediction]) -> tuple[str, int, int]:
    """The first by itself, then all in a stream, the first among them again.

    Its id, how many were logged, and how many had been before.
    """
    first = await bureau.ask("LogPrediction", _logged(model, made[0]))
    request = logging_pb2.LogPredictionsRequest(model=model)
    request.predictions.extend(_logged(model, one) for one in made)
    rest = await bureau.send("LogPredictions", [request])
    return first.prediction_id, 1 + int(rest.logged), int(rest.duplicates)


def _logged(model: str, one: Prediction) -> logging_pb2.LogPredictionRequest:
    request = logging_pb2.LogPredictionRequest(
        model=model, label=one.label, external_id=one.key, request_id="1", segments={SCANNER: one.scanner}
    )
    tabular = request.input.tabular
    tabular.numeric_features.update(one.features)
    tabular.categorical_features[GRADE] = one.grade
    tabular.missing.extend(one.lost)
    request.time.CopyFrom(stamp(one.at))
    return request


async def unmatched(bureau: Bureau, model: str, wanted: int) -> int:
    """How many have no truth, once there are as many as are wanted: records travel through a stream."""
    found = -1

    async def there() -> bool:
        nonlocal found
        request = logging_pb2.ListUnmatchedPredictionsRequest(model=model, page_size=PAGE)
        found = len((await bureau.ask("ListUnmatchedPredictions", request)).predictions)
        return found == wanted

    await bureau.until(there, seconds=20.0)
    return found


async def label(
    bureau: Bureau, model: str, first: str, made: Sequence[Prediction], seed: int
) -> Counter[str]:
    """What became of the labels: one by its prediction's id, some in a batch by the caller's own keys,
    the others in a file."""
    add = truth_pb2.AddGroundTruthRequest(prediction_id=first, truth=Truth(label=made[0].truth))
    told: Counter[str] = Counter()
    status = (await bureau.ask("AddGroundTruth", add)).status
    told[truth_pb2.GroundTruthStatus.Name(status).removeprefix("GROUND_TRUTH_STATUS_")] += 1
    batch = truth_pb2.BatchAddGroundTruthRequest()
    for one in made[1 : 1 + IN_A_BATCH]:
        batch.truths.add(model=model, external_id=one.key, truth=Truth(label=one.truth))
    told.update((await bureau.ask("BatchAddGroundTruth", batch)).counts)
    rest = {one.key: one.truth for one in made[1 + IN_A_BATCH :]}
    request = truth_pb2.UploadGroundTruthRequest
    parts: list[Message] = [request(header=truth_pb2.GroundTruthHeader(model=model))]
    parts.append(request(data=truth_file(rest, random.Random(seed))))
    told.update((await bureau.send("UploadGroundTruth", parts)).counts)
    return told


async def matched(bureau: Bureau, model: str) -> int:
    """How many of the new scanner's predictions have their truth."""
    request = logging_pb2.ListPredictionsRequest(
        model=model,
        truth=logging_pb2.GROUND_TRUTH_STATE_MATCHED,
        segment=Segment(name=SCANNER, value=NEW),
        page_size=PAGE,
    )
    return len((await bureau.ask("ListPredictions", request)).predictions)
