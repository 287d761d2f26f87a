"""The tests, laid out as the package is: tests/wire/test_legacy.py tests wire/legacy.py."""
