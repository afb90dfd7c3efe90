"""A plan with the handles of its models, as the plan wants them asked. Made once per plan and kept:
overriding a model compiles it again."""

from collections.abc import Callable
from weakref import WeakKeyDictionary

from turnout.router.v1.model_pb2 import (
    OUTPUT_KIND_EMBEDDING,
    OUTPUT_KIND_TENSORS,
    PROTOCOL_OIP_GRPC,
    PROTOCOL_OPENAI_CHAT,
    PROTOCOL_OPENAI_EMBEDDINGS,
    Model,
)
from turnout.router.v1.overrides_pb2 import Overrides

from services.aggregator.combiners.kinds import EMBEDDING, TENSORS
from services.aggregator.errors import ModelsNotFound, settle
from services.aggregator.plan import Jury, Plan
from services.aggregator.sound import WORDS, reader_of
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
        jury = isinstance(plan.pattern, Jury)
        self._embeds = jury and plan.recipe.method == "semantic_mean" and plan.embedder is None
        # How each is asked, by path and sample. Weakly: a model that is gone must not keep its channel.
        self._asked: WeakKeyDictionary[ModelHandle, dict[tuple[str, int], ModelHandle]] = WeakKeyDictionary()

    def handle(self, voice: Voice, find: Find, sample: int = 0) -> ModelHandle:
        """Whom to ask. Raises ModelsNotFound; InputMismatch for overrides that a model like it cannot
        have."""
        registered = find(voice.model)
        if registered is None:
            said = f"{voice.model} is {'an alias of no model' if '@' in voice.model else 'not registered'}"
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

    def require_readers(self, find: Find) -> None:
        """Raise InvalidPlan where members answer what the plan's judge, fuser or verifier cannot read, or
        what must be embedded and nobody is named who would, as far as their models say what that is."""
        if self._embeds:
            self._require_vectors(find)
        reader = reader_of(self.plan.pattern)
        if reader is None:
            return
        field, title = reader
        for member in self.plan.members:
            handle = find(member.model)
            if handle is not None and (kind := wordless(handle.model)):
                said = f"{title} reads {WORDS}; {member.variant} ({member.model}) answers {kind}"
                settle({f"plan.ensemble.{field}": said}, "the plan cannot be run")

    def _require_vectors(self, find: Find) -> None:
        for member in self.plan.members:
            handle = find(member.model)
            if handle is not None and not wordless(handle.model):
                said = f"is required: {member.variant} ({member.model}) does not answer vectors itself"
                settle({"plan.ensemble.semantic_mean.embedder": said}, "the plan cannot be run")

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


def wordless(model: Model) -> str:
    """What the model answers where nobody could read it as words; empty where somebody may."""
    if model.protocol != PROTOCOL_OIP_GRPC:
        return EMBEDDING if model.protocol == PROTOCOL_OPENAI_EMBEDDINGS else ""
    outputs = model.signature.outputs
    if outputs.kind == OUTPUT_KIND_EMBEDDING or (not outputs.kind and outputs.embedding):
        return EMBEDDING
    named = outputs.label or outputs.probabilities or outputs.value or outputs.text
    return TENSORS if outputs.kind == OUTPUT_KIND_TENSORS or not (outputs.kind or named) else ""


def _spelled(field: str, own: bool) -> str:
    """A field of the overrides as the plan calls it: a member may have a threshold of its own."""
    return "threshold" if own and field == "overrides.threshold" else field
