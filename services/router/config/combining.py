"""What models answer, and which methods and checks can do something with it."""

from collections.abc import Iterable, Iterator

from turnout.router.v1 import model_pb2, strategy_pb2
from turnout.router.v1.model_pb2 import PROTOCOL_OPENAI_CHAT, PROTOCOL_OPENAI_EMBEDDINGS, Model

from services.router.config.confidences import HOW, tells_confidence, unsure
from services.router.config.panels import (
    EMBEDDER,
    FUSER,
    JUDGE,
    META,
    VERIFIER,
    Helping,
    Panel,
)

CLASSES, NUMBERS, TEXT = "labels", "numbers", "text"
JSON, CALLS, TENSORS, EMBEDDING = "json", "tool calls", "tensors", "embedding"
AGGREGATIONS = {
    number: name.removeprefix("AGGREGATION_METHOD_").lower()
    for name, number in strategy_pb2.AggregationMethod.items()
    if number
}
# As the aggregator's combiners have it. The cascade combines nothing.
TAKES: dict[str, tuple[str, ...]] = {
    "vote": (CLASSES, TEXT, JSON, CALLS),
    "average": (CLASSES, NUMBERS, TENSORS, EMBEDDING),
    "weighted_average": (CLASSES, NUMBERS, TENSORS, EMBEDDING),
    "max_confidence": (CLASSES, NUMBERS, TEXT, JSON, CALLS, TENSORS, EMBEDDING),
    "stacking": (CLASSES, NUMBERS),
    "median": (CLASSES, NUMBERS, TENSORS),
    "log_pool": (CLASSES,),
    "semantic_mean": (TEXT, JSON, CALLS, EMBEDDING),
    "json_majority": (JSON, CALLS),
}
KINDS = {
    model_pb2.OUTPUT_KIND_CLASSIFICATION: CLASSES,
    model_pb2.OUTPUT_KIND_REGRESSION: NUMBERS,
    model_pb2.OUTPUT_KIND_TEXT: TEXT,
    model_pb2.OUTPUT_KIND_TENSORS: TENSORS,
    model_pb2.OUTPUT_KIND_EMBEDDING: EMBEDDING,
}
# What nobody can judge who reads words, and who does.
WORDLESS = (TENSORS, EMBEDDING)
WORDS = "labels, numbers, texts, JSON or calls of tools"
READERS = (JUDGE, FUSER, VERIFIER)
# The tensors by which a kind that is not declared is known.
BY_TENSOR = {
    "label": CLASSES,
    "probabilities": CLASSES,
    "value": NUMBERS,
    "text": TEXT,
    "embedding": EMBEDDING,
}
# Which answers have what a check may read. A chat's text may be JSON.
HAVE = {
    "label": (CLASSES,),
    "probabilities": (CLASSES,),
    "value": (NUMBERS,),
    "text": (TEXT,),
    "json": (TEXT, JSON, CALLS),
}
# What there is only where the model says how sure it is.
SURE = ("confidence", "probabilities")


def kind_of(model: Model) -> str:
    """What the model answers, by its registration.

    >>> kind_of(Model(signature={"outputs": {"probabilities": "p"}})), kind_of(Model())
    ('labels', 'tensors')
    """
    if model.protocol == PROTOCOL_OPENAI_CHAT:
        return TEXT
    if model.protocol == PROTOCOL_OPENAI_EMBEDDINGS:
        return EMBEDDING
    outputs = model.signature.outputs
    named = next((kind for field, kind in BY_TENSOR.items() if getattr(outputs, field)), TENSORS)
    return KINDS.get(outputs.kind, named)


def labels_of(model: Model) -> list[str]:
    """The labels that it answers, as they are spelled in answers; none where it does not say."""
    return [model.label_map.get(one, one) for one in model.signature.outputs.class_order]


def methods_for(kind: str) -> list[str]:
    """The methods that combine answers of that kind."""
    return [method for method, kinds in TAKES.items() if kind in kinds]


def either(words: Iterable[str]) -> str:
    """The words as a choice.

    >>> either(["a", "b", "c"])
    'a, b or c'
    """
    *most, last = words
    return " or ".join(filter(None, (", ".join(most), last)))


def misfits(panel: Panel) -> Iterator[tuple[str, str]]:
    """What the models of an ensemble cannot do, as far as they are known: fields, and what would be right."""
    if not panel.pattern:
        wrong = list(uncombined(panel))
        method = AGGREGATIONS.get(panel.given.aggregation, "")
        yield from wrong or unsure(panel, method, kind_of)
    for one in panel.helpers:
        model = panel.models.get(one.helper.model)
        if model is not None and (said := _cannot_help(one, model) or _never_reads(one, model, panel)):
            yield f"{one.path}.model", said
    yield from _unread(panel)


def embeds(panel: Panel) -> bool:
    """Whether all members answer with vectors themselves."""
    kinds = {kind_of(model) for _, model in panel.known}
    return len(panel.known) == len(panel.members) and kinds == {EMBEDDING}


def never_meets(panel: Panel, name: str) -> str:
    """Why no member's answer ever has what a check reads by that name; empty where one may."""
    if name not in (*HAVE, *SURE) or len(panel.known) < len(panel.members) or not panel.known:
        return ""
    if any(may_have(panel, model, name) for _, model in panel.known):
        return ""
    if name in SURE and not any(tells_confidence(model) for _, model in panel.known):
        return f"no member tells one: {HOW}"
    kinds = sorted({kind_of(model) for _, model in panel.known})
    return f"the members answer {either(kinds)}, where there is no {name}"


def may_have(panel: Panel, model: Model, name: str) -> bool:
    """Whether the model's answer may have what is read by that name. What is extracted from a text may be
    anything."""
    if name in SURE and not tells_confidence(model):
        return False
    kind = kind_of(model)
    if name not in HAVE or (kind == TEXT and panel.given.HasField("extraction")):
        return True
    return kind in HAVE[name]


def uncombined(panel: Panel) -> Iterator[tuple[str, str]]:
    """A method that cannot combine what a member answers: its field, and those that can."""
    method = AGGREGATIONS.get(panel.given.aggregation, "")
    if method not in TAKES:
        return
    for variant, model in panel.known:
        kind = kind_of(model)
        labelled = kind == TEXT and panel.given.extraction.WhichOneof("from") == "labels"
        if (kind in TAKES[method] and not labelled) or (kind == TEXT and _readable(panel, method, model)):
            continue
        instead = f"{either(methods_for(kind))} can"
        if kind == TEXT:
            instead += "; or say in extraction what of the text is the answer"
        said = f"{method} cannot combine {kind}, which {variant.id} ({model.name}) answers; {instead}"
        yield f"{panel.field}.aggregation", said
        return
    yield from _unlike(panel, method)


def _unlike(panel: Panel, method: str) -> Iterator[tuple[str, str]]:
    """Answers that a method cannot combine with each other. In a vote they are other answers."""
    first: tuple[str, str] | None = None
    for variant, model in panel.known if method != "vote" else ():
        kind = _found(panel, kind_of(model))
        who = f"{kind} of {variant.id} ({model.name})"
        if first is not None and kind and kind != first[0]:
            yield f"{panel.field}.aggregation", f"{method} cannot combine {first[1]} with {who}"
            return
        first = first or (kind, who) if kind else first


def _found(panel: Panel, kind: str) -> str:
    """What is combined of answers of that kind; empty where it may be anything."""
    if kind != TEXT:
        return kind
    extraction = panel.given.extraction.WhichOneof("from")
    by_form = panel.given.aggregation == strategy_pb2.AGGREGATION_METHOD_JSON_MAJORITY
    return CLASSES if extraction == "labels" else "" if extraction or by_form else TEXT


def _unread(panel: Panel) -> Iterator[tuple[str, str]]:
    """Answers without words, for those who read nothing else. Of a graph only its templates do."""
    for one in panel.helpers:
        if one.role not in READERS or not one.path.startswith(f"{panel.field}.{panel.pattern}."):
            continue
        for variant, model in panel.known:
            if (kind := kind_of(model)) in WORDLESS:
                said = f"a {one.role} reads {WORDS}; {variant.id} ({model.name}) answers {kind}"
                yield one.path.removesuffix(".helper"), said
                return


def _readable(panel: Panel, method: str, model: Model) -> bool:
    """Whether something that the method takes may be found in the model's texts."""
    # Of a chat the answer may be a structure or calls of tools, as the request wants it.
    chat = model.protocol == PROTOCOL_OPENAI_CHAT and CALLS in TAKES[method]
    if panel.given.extraction.WhichOneof("from") == "labels":
        return CLASSES in TAKES[method]
    return panel.given.HasField("extraction") or method == "json_majority" or chat


def _never_reads(one: Helping, meta: Model, panel: Panel) -> str:
    """Why a meta-model's columns of a member are always 0: it reads none of the labels that the member
    answers. Empty where it may, or either does not say which labels it knows."""
    reads = labels_of(meta) if one.role == META else []
    for variant, model in panel.known if reads else ():
        labels = labels_of(model)
        if kind_of(model) == CLASSES and labels and not {*labels} & {*reads}:
            said = f"{meta.name} reads {either(reads[:10])} (signature.outputs.class_order)"
            return f"{said}, and {variant.id} ({model.name}) answers {either(labels[:10])}"
    return ""


def _cannot_help(one: Helping, model: Model) -> str:
    chat, embeddings = model.protocol == PROTOCOL_OPENAI_CHAT, model.protocol == PROTOCOL_OPENAI_EMBEDDINGS
    match one.role:
        case role if role in (JUDGE, FUSER) and not chat:
            return f"a {one.role} is a chat model; {model.name} is none"
        case role if role == VERIFIER and (embeddings or kind_of(model) == NUMBERS):
            does = "embeds" if embeddings else "answers numbers"
            return f"a verifier is a chat model or a classifier of texts; {model.name} {does}"
        case role if role == VERIFIER and model.signature.features:
            return f"a verifier is a chat model or a classifier of texts; {model.name} reads columns"
        case role if role == EMBEDDER and kind_of(model) not in WORDLESS:
            does = "is a chat model" if chat else f"answers {kind_of(model)}"
            return f"an embedder answers vectors; {model.name} {does}"
        case role if role == META and (chat or embeddings):
            return f"a meta-model reads one tensor over OIP; {model.name} does not"
        case role if role == META and kind_of(model) not in (CLASSES, NUMBERS):
            return f"a meta-model answers labels or numbers; {model.name} answers {kind_of(model)}"
    return ""
