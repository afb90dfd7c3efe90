"""Verifiers: what each kind of them reads, and where in their verdicts the answer stands."""

from collections.abc import Iterator

from google.protobuf.json_format import MessageToDict
from turnout.router.v1.ensemble_pb2 import Verifier
from turnout.router.v1.model_pb2 import PROTOCOL_OPENAI_CHAT, PROTOCOL_OPENAI_EMBEDDINGS, Model

from services.foundation.schema_places import unnamed, unreached
from services.router.config.combining import either, labels_of
from services.router.config.panel_defaults import ACCEPT_POINTER, MIN_SCORE
from services.router.config.panels import IN_ORDER, Panel


def misread(panel: Panel) -> Iterator[tuple[str, str]]:
    """Settings of a verifier that its model does not read, and verdicts of classifiers that nobody could:
    fields, and what would be right."""
    for verifier, field, model in _verifiers(panel):
        if model is None or model.protocol == PROTOCOL_OPENAI_EMBEDDINGS:
            continue
        chat = model.protocol == PROTOCOL_OPENAI_CHAT
        for name, said in _of_a_chat(verifier, model) if chat else _of_a_classifier(verifier, model):
            yield f"{field}.{name}", said


def unsure_verdicts(panel: Panel) -> Iterator[str]:
    """Sentences about schemas that do not name what is read of a verdict."""
    for verifier, _, _ in _verifiers(panel):
        pointer = verifier.accept_pointer or ACCEPT_POINTER
        if verifier.HasField("verdict_schema") and unnamed(MessageToDict(verifier.verdict_schema), pointer):
            yield (
                f"{panel.title} reads {pointer} of verdicts whose verdict_schema says nothing of it: one "
                "without it is no verdict. Name it in the schema's properties, and among its required ones."
            )


def nothing_there(verifier: Verifier) -> str:
    """Why no verdict that meets its schema, which is one, accepts or rejects; empty where one may."""
    return unreached(MessageToDict(verifier.verdict_schema), verifier.accept_pointer or ACCEPT_POINTER)


def _verifiers(panel: Panel) -> Iterator[tuple[Verifier, str, Model | None]]:
    if panel.pattern not in IN_ORDER:
        return
    check = getattr(panel.given, panel.pattern).check
    if check.HasField("verifier"):
        field = f"{panel.field}.{panel.pattern}.check.verifier"
        yield check.verifier, field, panel.models.get(check.verifier.helper.model)


def _of_a_chat(given: Verifier, model: Model) -> Iterator[tuple[str, str]]:
    if given.accept_labels:
        said = f"left out: {model.name} is a chat model, whose verdict is JSON; a classifier's is a label"
        yield "accept_labels", said


def _of_a_classifier(given: Verifier, model: Model) -> Iterator[tuple[str, str]]:
    labels = labels_of(model)
    if not given.accept_labels:
        yield "accept_labels", f"is required: the labels of {model.name}, a classifier, that mean acceptance"
    elif strange := [one for one in given.accept_labels if labels and one not in labels]:
        said = f"{either(labels[:10])}, which {model.name} answers; got {strange[0][:100]!r}"
        yield "accept_labels", said
    idle = {
        "rubric": bool(given.rubric),
        "verdict_schema": given.HasField("verdict_schema"),
        # Written out where nothing else is said, and told back as they were read.
        "accept_pointer": given.accept_pointer not in ("", ACCEPT_POINTER),
        "min_score": given.HasField("min_score") and given.min_score != MIN_SCORE,
    }
    for name in (name for name, is_given in idle.items() if is_given):
        yield name, f"left out: {model.name} is a classifier, which is asked no more than the answer"
