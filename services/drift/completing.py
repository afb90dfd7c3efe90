"""Late outcomes: what came of a participant that was pending when its reply left."""

from collections.abc import Sequence
from typing import NamedTuple

from turnout.inference.v1.event_pb2 import ParticipantEvent, PredictionEvent, PredictionRecord
from turnout.inference.v1.manifest_pb2 import OUTCOME_PENDING

from services.foundation.logs import log
from services.state.fenced import Fence
from services.state.records import RecordStore, RecordWriter


class Late(NamedTuple):
    """A participant, by its index, whose outcome came after its prediction's event, which has it now."""

    event: PredictionEvent
    participant: int

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.event.manifest.participants[self.participant].model


class Completer:
    """Completes records in place. Drift alone writes them, under the partition's fence, so what was read is
    what is replaced. Entries that come again lead to the same record: its prediction comes first again, or
    the record says which entry brought the outcome."""

    def __init__(self, store: RecordStore, writer: RecordWriter) -> None:
        self._store = store
        self._writer = writer

    async def complete(
        self, partition: int, fence: Fence, entry_id: str, late: Sequence[ParticipantEvent]
    ) -> list[Late]:
        """Bring the outcomes of a stream entry into their records; those that it brought, also where it comes
        again, and none that another entry had brought. One whose record is gone, or was lost on the way, has
        no place. Raises StateUnavailable, LostLease, NewerFormat."""
        records = await self._store.read_many(one.prediction_id for one in late) if late else {}
        changed: dict[str, PredictionRecord] = {}
        brought: dict[tuple[str, int], Late] = {}
        for one in late:
            record = records.get(one.prediction_id)
            if record is None:
                continue
            if completed(record.event, one):
                record.completed_by[one.index] = entry_id
                changed[one.prediction_id] = record
            if record.completed_by.get(one.index) == entry_id:
                brought[one.prediction_id, one.index] = Late(record.event, one.index)
        if changed:
            await self._writer.keep(partition, fence, changed.values())
        return list(brought.values())


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
