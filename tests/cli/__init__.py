"""Tests of the command line: the command itself, in a process of its own wherever that is what matters."""
