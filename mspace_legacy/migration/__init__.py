"""From the legacy API to v2, one operation at a time: account store, adapter, routes, shadow, gateway, scan."""

from mspace_legacy.migration.accounts import AccountStore, StoredAccount, Verifier
from mspace_legacy.migration.adapter import Adapter
from mspace_legacy.migration.gateway import Exchange, Gateway
from mspace_legacy.migration.routes import Route, Router, Routes
from mspace_legacy.migration.settings import Settings, load_settings
from mspace_legacy.migration.shadow import Comparison, Comparisons, Difference, Shadow

__all__ = [
    "AccountStore",
    "Adapter",
    "Comparison",
    "Comparisons",
    "Difference",
    "Exchange",
    "Gateway",
    "Route",
    "Router",
    "Routes",
    "Settings",
    "Shadow",
    "StoredAccount",
    "Verifier",
    "load_settings",
]
