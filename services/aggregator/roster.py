"""A plan with the handles of its models, as the plan wants them asked. Made once per plan and kept:
overriding a model compiles it again."""

from collections.abc import Callable
from weakref import WeakKeyDictionary

from turnout.router.v1.model_pb2 import PROTOCOL_OPENAI_CHAT
from turnout.router.v1.overrides_pb2 import Overrides

from services.aggregator.errors import ModelsNotFound
from services.aggregator.plan import Plan
from services.aggregator.voices import Member, Voice
from services.models.errors import InputMismatch, InvalidModel
from services.models.handle import ModelHandle

Find = Callable[[str], ModelHandle | None]


class Roster:
    """The plan, and the `models` that it names. Handles follow the registry: a model that changes gets a new
    one."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.models = tuple(voice.model for voice in plan.voices)
        # How each is asked, by path and sample. Weakly: a model that is gone must not keep its channel.
        self._asked: WeakKeyDictionary[ModelHandle, dict[tuple[str, int], ModelHandle]] = WeakKeyDictionary()

    def handle(self, voice: Voice, find: Find, sample: int = 0) -> ModelHandle:
        """Whom to ask. Raises ModelsNotFound; InputMismatch for overrides that a model like it cannot
        have."""
        registered = find(voice.model)
        if registered is None:
            said = f"{voice.model} is not registered"
            raise ModelsNotFound(said, fields=[(f"{voice.path}.model", said)])
        if voice.overrides is None and not sample and self.plan.sampling is None:
            return registered
        known = self._asked.setdefault(registered, {})
        found = known.get((voice.path, sample))
        if found is None:
            found = self._as_asked(voice, registered, sample)
            # Itself would keep itself.
            if found is not registered:
                known[voice.path, sample] = found
        return found

    def _as_asked(self, voice: Voice, handle: ModelHandle, sample: int) -> ModelHandle:
        how = self._overrides(voice, handle, sample)
        try:
            # Same instances and connections; only asking and reading differ.
            return handle.with_overrides(how)
        except InvalidModel as wrong:
            own = voice.threshold is not None
            fields = [(f"{voice.path}.{_spelled(one.field, own)}", one.description) for one in wrong.fields]
            raise InputMismatch(wrong.message, fields=fields) from wrong

    def _overrides(self, voice: Voice, handle: ModelHandle, sample: int) -> Overrides:
        """The voice's own, over what the plan says of every generative member; empty where nobody says
        anything."""
        chat = handle.model.protocol == PROTOCOL_OPENAI_CHAT
        general = self.plan.sampling if isinstance(voice, Member) and chat else None
        how = Overrides()
        if general is not None:
            how.CopyFrom(general)
        if voice.overrides is not None:
            if voice.overrides.sampling.stop:
                del how.sampling.stop[:]
            how.MergeFrom(voice.overrides)
        if sample and how.sampling.HasField("seed"):
            # The same seed would draw the same answer again.
            how.sampling.seed += sample
        return how


def _spelled(field: str, own: bool) -> str:
    """A field of the overrides as the plan calls it: a member may have a threshold of its own."""
    return "threshold" if own and field == "overrides.threshold" else field
