"""Ids out of a registry's names, which may hold anything but slashes and colons."""

import re

LONGEST = 63


def base_id(name: str) -> str:
    """A name in lower case, everything but letters and digits as one hyphen; empty if nothing is left.

    >>> base_id("Churn (EU)_model"), base_id("主")
    ('churn-eu-model', '')
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:LONGEST].rstrip("-")


def model_name(base: str, version: str) -> str:
    """The model of a version; a base that is too long is cut.

    >>> model_name("churn", "3"), len(model_name("c" * 63, "12")) - len("models/")
    ('models/churn-v3', 63)
    """
    ending = f"-v{base_id(version)}"
    return f"models/{base[: LONGEST - len(ending)].rstrip('-')}{ending}"
