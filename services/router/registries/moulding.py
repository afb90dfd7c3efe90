"""From a registry's version and a template to a model that can be registered."""

from collections.abc import Mapping
from typing import NamedTuple

from turnout.router.v1.model_pb2 import PROTOCOL_OPENAI_CHAT, Endpoint, Model, Signature

from services.foundation.errors import TurnoutError
from services.models.registration import compile_model
from services.router.config.models import check_model, model_with_defaults
from services.router.config.problems import InvalidConfiguration, renamed
from services.router.config.resources import OUTPUT_ONLY
from services.router.registries.listing import Version
from services.router.registries.naming import model_name

ENDPOINT, FAMILY, PROVIDER = "turnout.endpoint", "turnout.family", "turnout.provider"
# What the registry says, and a template must not.
TOLD = ("name", "version", "display_name", "aliases")
LONGEST_TITLE = 256


class Moulded(NamedTuple):
    """A model, and which of its fields the import has a say in: the others stay as they are."""

    model: Model
    fields: tuple[str, ...]


def mould(
    version: Version, base: str, tags: Mapping[str, str], template: Model, signature: Signature | None
) -> Moulded:
    """The model of a version; `tags` are those of its registered model, and the version's go before them.

    In endpoints {name} is the name as an id, for hosts are spelled like that; in served_name it is the
    registry's own.
    """
    model = Model()
    model.CopyFrom(template)
    for field in model.DESCRIPTOR.fields_by_name:
        if field in OUTPUT_ONLY:
            model.ClearField(field)  # type: ignore[arg-type,unused-ignore]
    model.name = model_name(base, version.version)
    model.display_name, model.version = version.label[:LONGEST_TITLE], version.version
    model.served_name = _filled(template.served_name or "{name}", version.name, version.version)
    tags = {**tags, **version.tags}
    if ENDPOINT in tags:
        del model.endpoints[:]
        model.endpoints.extend(Endpoint(address=one.strip()) for one in tags[ENDPOINT].split(","))
    for endpoint in model.endpoints:
        endpoint.address = _filled(endpoint.address, base, version.version)
    model.family, model.provider = tags.get(FAMILY, model.family), tags.get(PROVIDER, model.provider)
    if signature is not None and not template.signature.features:
        model.signature.features.extend(signature.features)
        if not template.signature.HasField("layout"):
            model.signature.layout.CopyFrom(signature.layout)
    fields = [field.name for field, _ in model.ListFields() if field.name != "name"]
    return Moulded(model, tuple(fields))


def check_template(template: Model) -> None:
    """Raise InvalidConfiguration or InvalidModel for what would be wrong with every model made of it."""
    for field in TOLD:
        if getattr(template, field):
            said = "comes from the registry; leave it out"
            raise InvalidConfiguration(f"template.{field} {said}", fields=[(f"template.{field}", said)])
    trial = Model()
    trial.CopyFrom(template)
    if not trial.endpoints:
        # Each version's tag may name its own.
        chat = template.protocol == PROTOCOL_OPENAI_CHAT
        trial.endpoints.add(address="http://127.0.0.1:1" if chat else "127.0.0.1:1")
    model = mould(Version("trial", "1"), "trial", {}, trial, None).model
    try:
        checked(model)
    except TurnoutError as wrong:
        named = renamed(wrong, lambda field: field.replace("model.", "template.", 1))
        # Its own words are of the model that was tried, which nobody has heard of.
        told = [f"{one.field}: {one.description}" for one in named.fields]
        raise type(named)(told[0] if told else named.message, fields=named.fields) from None


def checked(model: Model) -> None:
    """Raise InvalidConfiguration or InvalidModel for a model that cannot be registered."""
    model_with_defaults(model)
    check_model(model)
    compile_model(model)


def _filled(text: str, name: str, version: str) -> str:
    return text.replace("{name}", name).replace("{version}", version)
