"""Transports: anything that answers a request. The network is one, and so is whatever wraps one."""

from mspace_legacy.transport.base import Transport
from mspace_legacy.transport.network import Network
from mspace_legacy.transport.retry import Retry

__all__ = ["Network", "Retry", "Transport"]
