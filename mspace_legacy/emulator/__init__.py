"""A stand-in for the service: both APIs over one ledger, for tests and for trying things out."""

from mspace_legacy.emulator.accounts import DEMO_ACCOUNTS, Account, load_accounts
from mspace_legacy.emulator.app import Emulator
from mspace_legacy.emulator.faults import Fault, Faults
from mspace_legacy.emulator.ledger import Ledger, StoredMessage

__all__ = ["DEMO_ACCOUNTS", "Account", "Emulator", "Fault", "Faults", "Ledger", "StoredMessage", "load_accounts"]
