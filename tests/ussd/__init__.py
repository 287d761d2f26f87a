"""Tests of the wing that speaks USSD."""
