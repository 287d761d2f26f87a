"""A stand-in for the service: both HTTP APIs and SMPP over one ledger, for tests and for trying things out."""

from mspace_legacy.emulator.accounts import DEMO_ACCOUNTS, Account, load_accounts
from mspace_legacy.emulator.app import Emulator
from mspace_legacy.emulator.faults import Fault, Faults
from mspace_legacy.emulator.guard import Guard, is_local_name
from mspace_legacy.emulator.journal import Journal
from mspace_legacy.emulator.ledger import Ledger, StoredMessage
from mspace_legacy.emulator.smsc import Smsc
from mspace_legacy.emulator.ussd import UssdCode, UssdCodes, load_ussd_codes

__all__ = [
    "DEMO_ACCOUNTS",
    "Account",
    "Emulator",
    "Fault",
    "Faults",
    "Guard",
    "Journal",
    "Ledger",
    "Smsc",
    "StoredMessage",
    "UssdCode",
    "UssdCodes",
    "is_local_name",
    "load_accounts",
    "load_ussd_codes",
]
