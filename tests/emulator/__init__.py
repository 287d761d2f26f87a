"""Tests of mspace_legacy.emulator."""
