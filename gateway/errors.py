"""The error tree of the gateway. Everything a person can cause reads as one clear line."""


class GatewayError(Exception):
    """Root of all errors the gateway raises on purpose."""


class ConfigError(GatewayError):
    """A setting or a file is wrong; the message names the key, the file or the line."""


class CarrierProtocolError(GatewayError):
    """The carrier's socket sent something its own protocol forbids."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind
        """Short stable word for counters, e.g. ``bad_json``. Never carries a payload."""


class ModelError(GatewayError):
    """The model refused us, broke its protocol, or is gone."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class Rejected(GatewayError):
    """A request or a stream is not let in; ``reason`` is the counted word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
