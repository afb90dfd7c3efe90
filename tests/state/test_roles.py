"""What a user is to a resource, in every combination."""

import itertools

import pytest

from services.foundation.rules import Role
from services.state.roles import Grants, role_of

SHARES = [frozenset(some) for count in range(3) for some in itertools.combinations(("ann", "bob"), count)]


def combinations() -> list[Grants]:
    return [
        Grants(owner, view, predict, *shares)
        for owner in ("", "ann", "bob")
        for view in (False, True)
        for predict in (False, True)
        for shares in itertools.product(SHARES, repeat=3)
    ]


@pytest.mark.parametrize("user", ["", "ann", "bob", "eve"])
def test_the_most_that_any_grant_gives(user: str) -> None:
    """Each role on its own words, and the greatest of those that apply."""
    for grants in combinations():
        applying = {
            Role.ANYONE: True,
            Role.CALLER: user != "",
            Role.VIEWER: user != "" and (grants.public_view or user in grants.viewers),
            Role.PREDICTOR: user != "" and (grants.public_predict or user in grants.predictors),
            Role.EDITOR: user in grants.editors,
            Role.OWNER: user != "" and user == grants.owner,
        }
        assert role_of(user, grants) == max(role for role, holds in applying.items() if holds), grants


def test_to_see_is_not_to_predict() -> None:
    """A stranger's prediction costs money."""
    assert role_of("eve", Grants(public_view=True)) < Role.PREDICTOR


def test_what_nobody_owns_is_not_the_nameless() -> None:
    assert role_of("", Grants(owner="", public_predict=True, editors=frozenset({""}))) == Role.ANYONE
