"""The names that a condition may use, each as a closure on the view."""

from services.router.conditions.errors import BadCondition, RuleError
from services.router.conditions.kinds import Kind, Schema
from services.router.conditions.parsing import HAS_ASKS
from services.router.conditions.syntax import Binary, Index, Invoke, Literal, Name, Node, Select
from services.router.conditions.terms import Run, Term
from services.router.conditions.view import View

INPUTS = frozenset({"row", "tabular", "tensors", "text", "image", "chat"})
DRIFT = frozenset({"ok", "warning", "alert", "insufficient_data"})
MEASURES = {
    "accuracy": Kind.NUMBER,
    "f1": Kind.NUMBER,
    "precision": Kind.NUMBER,
    "recall": Kind.NUMBER,
    "log_loss": Kind.NUMBER,
    "mae": Kind.NUMBER,
    "rmse": Kind.NUMBER,
    "agreement": Kind.NUMBER,
    "error_rate": Kind.NUMBER,
    "latency_p50": Kind.NUMBER,
    "latency_p95": Kind.NUMBER,
    "latency_p99": Kind.NUMBER,
    "cost": Kind.NUMBER,
    "labels": Kind.INT,
    "scored": Kind.INT,
    "numbers": Kind.INT,
    "panels": Kind.INT,
    "requests": Kind.INT,
}
MAPS = ("features", "attributes", "headers")


def leaf(node: Node, schema: Schema) -> Term | None:
    """The term of a node that names something; None for any other node."""
    match node:
        case Binary(operator="in", left=Literal(value=str(key)), right=Name(name=of)) if of in MAPS:
            return _presence(node, of, key, schema)
        case Invoke(function="has", on=None, args=args):
            return _has(node, args, schema)
        case Index(of=Name(name=of), key=key) if of in MAPS:
            if not (isinstance(key, Literal) and isinstance(key.value, str)):
                raise BadCondition(f"{of}[...] needs a name in quotes")
            return member(node, of, key.value, schema)
        case Select(of=Name(name=of), name=name) if of in (*MAPS, "input"):
            return member(node, of, name, schema)
        case Select(of=Invoke(function="metrics", on=None, args=args), name=name):
            return _measure(node, _model("metrics", args), name)
        case Invoke(function="drift", on=None, args=args):
            return _drift(node, _model("drift", args))
        case Invoke(function="metrics", on=None):
            raise BadCondition("metrics('models/a') needs a measure: " + ", ".join(sorted(MEASURES)))
        case Name(name=name):
            return bare(node, name, schema)
    return None


def bare(node: Node, name: str, schema: Schema, *, field: bool = False) -> Term:
    """A name on its own: one of ours, a feature, or else a declared attribute. field: that of a rule in
    operator form, which is spelled without quotes."""
    if name == "now":
        return Term(node, Kind.MOMENT, lambda view: view.now, names=frozenset({"now"}))
    if name == "entity_id":
        return Term(node, Kind.TEXT, lambda view: view.entity_id, names=frozenset({"entity_id"}))
    if name in (*MAPS, "input"):
        example = ".kind" if name == "input" else "['x']"
        raise BadCondition(f"{name} needs a member, as in {name}{example}")
    if name in schema.features:
        return member(node, "features", name, schema)
    if name in schema.attributes:
        return member(node, "attributes", name, schema)
    if schema.features:
        other = f"attributes.{name[:64]}" if field else f"attributes['{name[:64]}'], and text '{name[:64]}'"
        raise BadCondition(
            f"does not know {name[:64]!r}; features and declared attributes are: {schema.known()}. Another "
            f"attribute is written {other}"
        )
    read = frozenset({f"features.{name}", f"attributes.{name}"})
    return Term(node, Kind.FREE, _first(name, attributes=True), names=read)


def member(node: Node, of: str, name: str, schema: Schema) -> Term:
    """`features['x']`, `attributes['x']`, `headers['x']` or `input.x`. Raises BadCondition for others."""
    read = frozenset({f"{of}.{name}"})
    if of == "features":
        return _feature(node, name, schema, read)
    if of == "attributes":
        kind = schema.attributes.get(name, Kind.TEXT)
        return _column(node, kind, "attributes", name, lambda view: view.attributes[name], read)
    if of == "headers":
        if name not in schema.headers:
            allowed = ", ".join(sorted(schema.headers)) or "none"
            raise BadCondition(f"reads the header {name[:64]!r}; router.allowed_headers has: {allowed}")
        return _column(node, Kind.TEXT, "headers", name, lambda view: view.headers[name], read)
    if name == "kind":
        return Term(node, Kind.TEXT, lambda view: view.kind, names=read, values=INPUTS)
    if name == "text":
        return Term(node, Kind.TEXT, _text, names=read)
    raise BadCondition(f"does not know input.{name[:64]}; there are input.kind and input.text")


def _column(node: Node, kind: Kind, source: str, name: str, run: Run, read: frozenset[str]) -> Term:
    return Term(node, kind, run, names=read, column=(source, name))


def _feature(node: Node, name: str, schema: Schema, read: frozenset[str]) -> Term:
    kind = schema.features.get(name)
    if kind is None and schema.features:
        raise BadCondition(f"does not know the feature {name[:64]!r}; known are: {schema.known()}")
    if kind is Kind.NUMBER:
        return _column(node, kind, "numeric", name, lambda view: view.numeric[name], read)
    if kind is Kind.TEXT:
        return _column(node, kind, "categorical", name, lambda view: view.categorical[name], read)
    return Term(node, Kind.FREE, _first(name, attributes=False), names=read)


def _first(name: str, *, attributes: bool) -> Run:
    def run(view: View) -> str | float:
        if name in view.numeric:
            return view.numeric[name]
        if attributes and name not in view.categorical:
            return view.attributes[name]
        return view.categorical[name]

    return run


def _text(view: View) -> str:
    if view.text is None:
        raise RuleError(f"an input of kind {view.kind} has no text")
    return view.text


def _presence(node: Node, of: str, name: str, schema: Schema) -> Term:
    """Whether the request has a name: never an error."""
    read = member(node, of, name, schema).names
    run: Run
    if of == "attributes":
        run = lambda view: name in view.attributes  # noqa: E731
    elif of == "headers":
        run = lambda view: name in view.headers  # noqa: E731
    else:
        run = lambda view: name in view.numeric or name in view.categorical  # noqa: E731
    return Term(node, Kind.BOOL, run, names=read)


def _has(node: Node, args: tuple[Node, ...], schema: Schema) -> Term:
    match args:
        case (Select(of=Name(name=of), name=name),) if of in MAPS:
            return _presence(node, of, name, schema)
        case (Select(of=Invoke(function="metrics", on=None, args=of_model), name=name) as select,):
            model = _model("metrics", of_model)
            read = _measure(select, model, name).names
            return Term(node, Kind.BOOL, lambda view: name in (view.metrics(model) or ()), names=read)
    raise BadCondition(HAS_ASKS)


def _model(function: str, args: tuple[Node, ...]) -> str:
    match args:
        case (Literal(value=str(model)),) if model:
            return model if "/" in model else f"models/{model}"
    raise BadCondition(f"{function}() needs the name of a model in quotes, as in {function}('models/a')")


def _measure(node: Node, model: str, name: str) -> Term:
    kind = MEASURES.get(name)
    if kind is None:
        raise BadCondition(
            f"does not know the measure {name[:64]!r}; there are: {', '.join(sorted(MEASURES))}"
        )

    def run(view: View) -> float:
        found = (view.metrics(model) or {}).get(name)
        # Not yet measured is not zero: a rule on silence must not fire.
        if found is None or found != found:
            raise RuleError(f"{name} of {model} is not measured yet")
        return int(found) if kind is Kind.INT else float(found)

    return Term(node, kind, run, names=frozenset({f"metrics.{model}"}))


def _drift(node: Node, model: str) -> Term:
    def run(view: View) -> str:
        found = view.drift(model)
        if found is None:
            raise RuleError(f"drift of {model} is not known yet")
        return found

    return Term(node, Kind.TEXT, run, names=frozenset({f"drift.{model}"}), values=DRIFT)
