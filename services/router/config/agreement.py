"""Whether the models of one router can stand in for each other: what they take, and what they answer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from turnout.router.v1.model_pb2 import (
    FEATURE_KIND_NUMERIC,
    PROTOCOL_OPENAI_CHAT,
    PROTOCOL_OPENAI_EMBEDDINGS,
    Model,
    OutputKind,
)
from turnout.router.v1.router_pb2 import Router, Variant

from services.router.config.combining import labels_of
from services.router.config.combining import misfits as cannot_do
from services.router.config.overrides import misfits
from services.router.config.panels import panels_in
from services.router.config.verifiers import misread
from services.router.managing.aliases import model_of, spelled

# A router of 64 variants that agree in nothing is told so in as many words as people read.
MOST_TOLD = 10
OUTPUTS = {number: name.removeprefix("OUTPUT_KIND_").lower() for name, number in OutputKind.items()}


def disagreements(router: Router, models: Mapping[str, Model]) -> list[str]:
    """Sentences about what the models of the variants differ in; none where they agree, or say nothing."""
    readers, speakers = _parts(router)
    reading, answering = _of(readers, models), _of(speakers, models)
    found = dict.fromkeys(
        (
            *_inputs(reading),
            *_features(reading),
            *_outputs(answering),
            *_labels(router, answering),
            *_overrides(router, models),
            *_panels(router, models),
        )
    )
    return list(found)[:MOST_TOLD]


def _parts(router: Router) -> tuple[Sequence[Variant], Sequence[Variant]]:
    """Who reads the request as it comes, and whose answer may be the reply: everybody, but for the steps of a
    graph that nothing leads past."""
    graph = router.ensemble.specialists
    if not graph.steps or router.policies or router.fallback.variants:
        return router.variants, router.variants
    last = next((step for step in graph.steps if step.name == graph.output), graph.steps[-1])
    reading = {step.variant for step in graph.steps if not step.template}
    by_id = {one.id: one for one in router.variants}
    return (
        [one for one in router.variants if one.id in reading],
        [by_id[last.variant]] if last.variant in by_id else [],
    )


def _of(variants: Iterable[Variant], models: Mapping[str, Model]) -> list[Model]:
    """Their models, each once."""
    named = dict.fromkeys(map(model_of, variants))
    return [models[name] for name in named if name in models]


def _inputs(members: Sequence[Model]) -> Iterator[str]:
    chats = [one.name for one in members if one.protocol == PROTOCOL_OPENAI_CHAT]
    columns = [one.name for one in members if one.signature.features]
    texts = [one.name for one in members if one.protocol == PROTOCOL_OPENAI_EMBEDDINGS]
    if chats and columns:
        yield f"{chats[0]} takes a chat, and {columns[0]} takes columns: no input fits both"
    if texts and columns:
        yield f"{texts[0]} takes texts, and {columns[0]} takes columns: no input fits both"
    if texts and chats:
        yield f"{texts[0]} answers with embeddings, and {chats[0]} with text"


def _features(members: Sequence[Model]) -> Iterator[str]:
    first: dict[str, tuple[str, int]] = {}
    for model in members:
        for feature in model.signature.features:
            owner, kind = first.setdefault(feature.name, (model.name, feature.kind))
            if kind != feature.kind:
                here, there = _kind(feature.kind), _kind(kind)
                yield f"{feature.name!r} is {here} to {model.name} and {there} to {owner}"


def _kind(kind: int) -> str:
    return "numeric" if kind == FEATURE_KIND_NUMERIC else "categorical"


def _outputs(members: Sequence[Model]) -> Iterator[str]:
    first: dict[int, str] = {}
    for model in members:
        if kind := model.signature.outputs.kind:
            first.setdefault(kind, model.name)
    told = [(name, OUTPUTS.get(kind, str(kind))) for kind, name in first.items()]
    for (name, kind_told), (other, another) in pairwise(told):
        yield f"{name} answers {kind_told}, and {other} answers {another}"


def _labels(router: Router, members: Sequence[Model]) -> Iterator[str]:
    declared = set(router.task.labels)
    first: tuple[str, set[str]] | None = (router.name, declared) if declared else None
    for model in members:
        labels = set(labels_of(model))
        if not labels:
            continue
        if first is None:
            first = model.name, labels
        elif labels != first[1]:
            yield f"{model.name} answers {_some(labels)}, and {first[0]} {_some(first[1])}"


def _overrides(router: Router, models: Mapping[str, Model]) -> Iterator[str]:
    for variant in router.variants:
        model = models.get(model_of(variant))
        if variant.HasField("overrides") and model is not None:
            for field, said in misfits(variant.overrides, model):
                yield f"{variant.id} has {field}, and {model.name} cannot: {said}"


def _panels(router: Router, models: Mapping[str, Model]) -> Iterator[str]:
    for panel in panels_in(router, spelled(router, models)):
        for field, said in (*cannot_do(panel), *misread(panel)):
            yield f"{field}: {said}"


def _some(labels: set[str]) -> str:
    shown = sorted(labels)[:5]
    return ", ".join(shown) + (", …" if len(labels) > len(shown) else "")
