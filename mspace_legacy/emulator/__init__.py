"""A stand-in for the service: both HTTP APIs and SMPP over one ledger, for tests and for trying things out."""

from mspace_legacy.emulator.accounts import DEMO_ACCOUNTS, Account, load_accounts
from mspace_legacy.emulator.app import Emulator
from mspace_legacy.emulator.faults import Fault, Faults
from mspace_legacy.emulator.ledger import Ledger, StoredMessage
from mspace_legacy.emulator.smsc import Smsc

__all__ = [
    "DEMO_ACCOUNTS",
    "Account",
    "Emulator",
    "Fault",
    "Faults",
    "Ledger",
    "Smsc",
    "StoredMessage",
    "load_accounts",
]
