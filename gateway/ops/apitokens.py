"""What opens the API of a gateway, for the gateway itself and for commands beside it."""

from gateway.core.tickets import derive_secret
from gateway.settings import Settings


def api_tokens(settings: Settings) -> list[str]:
    """The tokens that are taken, the best to use first: the one of GATEWAY_API_TOKEN, and one made
    of each auth token. Whoever has those could be the carrier anyway; nobody can go back from the
    one to the other.
    """
    own = [] if settings.api_token is None else [settings.api_token.get_secret_value()]
    return own + [derive_secret(each, "cli").hex() for each in settings.auth_tokens]
