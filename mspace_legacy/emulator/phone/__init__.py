"""The dev phone: a page that shows what an emulator does, as it does it."""

from mspace_legacy.emulator.phone.app import Phone, serving_phone

__all__ = ["Phone", "serving_phone"]
