"""Late outcomes: what came of a participant that was pending when its reply left."""

from collections import defaultdict
from collections.abc import Sequence

from turnout.inference.v1.event_pb2 import ParticipantEvent, PredictionEvent
from turnout.inference.v1.manifest_pb2 import OUTCOME_PENDING

from services.foundation.logs import log
from services.state.fenced import Fence
from services.state.records import RecordStore, RecordWriter


class Completer:
    """Completes records in place. Drift alone writes them, under the partition's fence, so what was read is
    what is replaced. Entries that come again lead to the same record: its prediction comes first again."""

    def __init__(self, store: RecordStore, writer: RecordWriter) -> None:
        self._store = store
        self._writer = writer

    async def complete(self, partition: int, fence: Fence, late: Sequence[ParticipantEvent]) -> None:
        """Bring the outcomes into their records. One whose record is gone, or was lost on the way, has no
        place. Raises StateUnavailable, LostLease, NewerFormat."""
        records = await self._store.read_many(one.prediction_id for one in late) if late else {}
        changed = defaultdict[str, dict[str, PredictionEvent]](dict)
        for one in late:
            record = records.get(one.prediction_id)
            if record is not None and completed(record.event, one):
                changed[record.entry_id][one.prediction_id] = record.event
        for entry, events in changed.items():
            await self._writer.write(partition, fence, entry, events.values())


def completed(event: PredictionEvent, late: ParticipantEvent) -> bool:
    """Bring one outcome into its prediction; False where it is there already, or belongs to nobody."""
    participants = event.manifest.participants
    if not 0 <= late.index < len(participants):
        log.error("a late outcome has no participant", prediction=late.prediction_id, index=late.index)
        return False
    pending = participants[late.index]
    if pending.outcome != OUTCOME_PENDING or pending.model != late.participant.model:
        return False
    pending.CopyFrom(late.participant)
    if late.HasField("output"):
        event.outputs.add(participant=late.index, output=late.output)
    elif late.HasField("large_output"):
        event.outputs.add(participant=late.index, large_output=late.large_output)
    return True
