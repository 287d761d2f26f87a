"""Tests of mspace_legacy.transport."""
