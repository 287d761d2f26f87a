"""Tests of the way from the legacy API to v2."""
