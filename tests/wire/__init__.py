"""Tests of mspace_legacy.wire."""
