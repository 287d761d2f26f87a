"""Tests of the dev phone."""
