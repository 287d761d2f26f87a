"""Tests of mspace_legacy.testing."""
