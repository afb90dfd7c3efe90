"""What of a prediction is not logged: applied to its event as it is written, after the reply is made.

A hash is keyed by the deployment's secret and the router's uid, so that equal values of one router have
equal hashes, and nobody without the secret can look a value up by hashing all that it could be. Without a
secret the uid alone is the key, which whoever may see the router knows.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b

from turnout.inference.v1.event_pb2 import LargeOutput, ParticipantEvent, PredictionEvent
from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.inference.v1.output_pb2 import Output
from turnout.router.v1.model_pb2 import PROTOCOL_OPENAI_CHAT, PROTOCOL_OPENAI_EMBEDDINGS, Model
from turnout.router.v1.router_pb2 import (
    REDACTION_FULL,
    REDACTION_HASHED,
    REDACTION_NONE,
    REDACTION_UNSPECIFIED,
    Redaction,
    Router,
)

from services.router.execution.large import DIGEST, PREFIX

INPUT, OUTPUT, ENTITY, EXTERNAL = "input", "output", "entity_id", "external_id"
WORDS = (INPUT, OUTPUT, ENTITY, EXTERNAL)


def redactor_of(router: Router, models: Iterable[Model]) -> "Redactor | None":
    """What the router redacts; None where everything is logged as it is, which then costs nothing."""
    rules = {name: rule for name, rule in router.log.redact.items() if rule != REDACTION_UNSPECIFIED}
    if any(model.protocol in (PROTOCOL_OPENAI_CHAT, PROTOCOL_OPENAI_EMBEDDINGS) for model in models):
        # What people write to chats and hear from them is nobody else's, unless the router says so; nor is a
        # vector that their words can be guessed from.
        rules = {INPUT: REDACTION_HASHED, OUTPUT: REDACTION_HASHED} | rules
    if all(rule == REDACTION_FULL for rule in rules.values()) and INPUT not in rules:
        return None
    return Redactor(router.uid, rules)


class Redactor:
    """The rules of one router, by feature, attribute or word; `secret` is the deployment's."""

    def __init__(self, uid: str, rules: Mapping[str, Redaction]) -> None:
        self._uid = uid
        self._rules = rules

    def event(self, raw: bytes, secret: bytes) -> bytes:
        """A serialized PredictionEvent without what is not logged."""
        event, key = PredictionEvent.FromString(raw), _key(self._uid, secret)
        if event.HasField("features"):
            event.withheld.extend(self._features(event.features, key))
        if self._touches_input(event.input_kind):
            event.ClearField("tensors")
        for word, name in ((ENTITY, "entity_id"), (EXTERNAL, "external_id")):
            if value := getattr(event, name):
                setattr(event, name, _said(self._rules.get(word), word, value, key))
        for name, value in list(event.attributes.items()):
            rule = self._rules.get(name)
            if rule == REDACTION_NONE:
                del event.attributes[name]
            else:
                event.attributes[name] = _said(rule, name, value, key)
        if event.HasField("output") and not self._keeps(event.output, key):
            event.ClearField("output")
        for large in (event.large_output, *(one.large_output for one in event.outputs)):
            self._hide(large, key)
        kept = [one for one in event.outputs if one.large_output.bytes or self._keeps(one.output, key)]
        del event.outputs[:]
        event.outputs.extend(kept)
        return event.SerializeToString()

    def late(self, event: ParticipantEvent, secret: bytes) -> None:
        """The same for what a shadow answered later."""
        key = _key(self._uid, secret)
        if event.HasField("output") and not self._keeps(event.output, key):
            event.ClearField("output")
        self._hide(event.large_output, key)

    def content(self, given: Input, secret: bytes) -> bytes:
        """What is logged of a text or a conversation, as fields of a PredictionEvent; none of other kinds."""
        if given.WhichOneof("kind") not in ("text", "chat"):
            return b""
        rule = self._rules.get(INPUT)
        if rule == REDACTION_NONE:
            return b""
        if rule == REDACTION_FULL:
            return PredictionEvent(content=given).SerializeToString()
        said = given.SerializeToString(deterministic=True)
        told = PredictionEvent(content_bytes=len(said))
        told.content_hash = _hash(INPUT, said, _key(self._uid, secret))
        return told.SerializeToString()

    def _features(self, features: TabularInput, key: bytes) -> list[str]:
        """Take out or hash; the names of those. A hashed number is logged as a category."""
        withheld = []
        numbers, words = features.numeric_features, features.categorical_features
        for name in (*numbers, *words):
            rule = self._rules.get(name, self._rules.get(INPUT))
            if rule not in (REDACTION_HASHED, REDACTION_NONE):
                continue
            withheld.append(name)
            value = repr(numbers.pop(name)) if name in numbers else words.pop(name)
            if rule == REDACTION_HASHED:
                words[name] = _hash(name, value.encode(), key)
        for name in list(features.missing):
            if self._rules.get(name, self._rules.get(INPUT)) in (REDACTION_HASHED, REDACTION_NONE):
                # That somebody has none says something too.
                features.missing.remove(name)
                withheld.append(name)
        return withheld

    def _touches_input(self, kind: str) -> bool:
        """Whether tensors may hold what is not logged: their columns have no names of their own."""
        hidden = (REDACTION_HASHED, REDACTION_NONE)
        return kind == "tensors" and any(
            rule in hidden for name, rule in self._rules.items() if name not in (OUTPUT, ENTITY, EXTERNAL)
        )

    def _keeps(self, output: Output, key: bytes) -> bool:
        """Whether an output is logged, texts as their hash. A hashed class or number would be taken for an
        answer that is wrong, so those are left out."""
        rule = self._rules.get(OUTPUT)
        if rule not in (REDACTION_HASHED, REDACTION_NONE):
            return True
        if rule == REDACTION_NONE or not output.HasField("text"):
            return False
        said = output.text.SerializeToString(deterministic=True)
        output.text.Clear()
        output.text.content = _hash(OUTPUT, said, key)
        return True

    def _hide(self, large: LargeOutput, key: bytes) -> None:
        """Of an answer that is too large to be logged, its hash is what could tell; nothing if it is none."""
        rule = self._rules.get(OUTPUT)
        if large.hash and rule in (REDACTION_HASHED, REDACTION_NONE):
            large.hash = _said(rule, OUTPUT, large.hash, key)


def _said(rule: Redaction | None, name: str, value: str, key: bytes) -> str:
    if rule == REDACTION_NONE:
        return ""
    return _hash(name, value.encode(), key) if rule == REDACTION_HASHED else value


def _hash(name: str, value: bytes, key: bytes) -> str:
    """The same value under two names has two hashes."""
    return PREFIX + blake2b(name.encode() + b"\0" + value, key=key, digest_size=DIGEST).hexdigest()


@lru_cache(4096)
def _key(uid: str, secret: bytes) -> bytes:
    return blake2b(uid.encode(), key=secret[:64], digest_size=32).digest()
