"""Who may do what."""

import pytest

from gateway.web.api.endpoint import ROLES, Role, Who


@pytest.mark.parametrize("least", ROLES)
@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_do_what_those_before_it_may(role: Role, least: Role) -> None:
    """A viewer looks, an operator acts on calls, an admin changes the gateway."""
    assert Who("somebody", role).may(least) == (ROLES.index(role) >= ROLES.index(least))
