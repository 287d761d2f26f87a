"""Transports: anything that answers a request. The network is one, and so is whatever wraps one."""

from mspace_legacy.errors import WrongType
from mspace_legacy.transport.base import Transport
from mspace_legacy.transport.network import Network, Timeout
from mspace_legacy.transport.retry import Retry

__all__ = ["Network", "Retry", "Transport", "checked_transport"]


def checked_transport(transport: Transport | None, timeout: Timeout) -> Transport:
    """`transport`; where that is None, the network with these time-outs and with reads asked again.

    :raises WrongType: it has no `handle` and `close`.
    """
    if transport is None:
        return Retry(Network(timeout=timeout))
    if not isinstance(transport, Transport):
        raise WrongType(f"transport is a {type(transport).__name__}: give something with handle() and close()")
    return transport
