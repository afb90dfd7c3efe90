"""What a user is to a resource: the one place that decides it."""

from dataclasses import dataclass

from services.foundation.rules import Role


@dataclass(frozen=True, slots=True)
class Grants:
    """Whom a resource belongs to, and with whom it is shared."""

    owner: str = ""
    public_view: bool = False
    public_predict: bool = False
    viewers: frozenset[str] = frozenset()
    predictors: frozenset[str] = frozenset()
    editors: frozenset[str] = frozenset()


def role_of(user: str, grants: Grants) -> Role:
    """The most that a user is to a resource; each role may do what those before it may.

    Public is for everybody who says who he is. Who may predict may see, so `public_predict` shows what
    `public_view` shows; but who may see may not yet predict, as that costs money. A resource without an owner
    (made while access was open) is nobody's but the administrators'.

    >>> shared = Grants(owner="ann", editors=frozenset({"bob"}), public_view=True)
    >>> [role_of(user, shared).told for user in ("ann", "bob", "eve", "")]
    ['owner', 'editor', 'viewer', 'anyone']
    """
    if not user:
        return Role.ANYONE
    if user == grants.owner:
        return Role.OWNER
    if user in grants.editors:
        return Role.EDITOR
    if grants.public_predict or user in grants.predictors:
        return Role.PREDICTOR
    if grants.public_view or user in grants.viewers:
        return Role.VIEWER
    return Role.CALLER
