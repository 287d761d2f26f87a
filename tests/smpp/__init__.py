"""Tests of mspace_legacy.smpp."""
