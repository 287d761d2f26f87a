"""Every target holds for what it reads, for what once broke it, and for a little of everything else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.__main__ import minimise
from tests.fuzz.strategies import inputs
from tests.fuzz.targets import CORPUS, ROOT, TARGETS, Target

KEPT = [(target, path) for target in TARGETS.values() for path in target.kept]


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_what_it_reads(target: Target) -> None:
    seeds = target.seeds()
    assert seeds
    for data in seeds:
        target.check(data)


@pytest.mark.parametrize(("target", "path"), KEPT, ids=lambda value: value.name)
def test_what_once_broke_it(target: Target, path: Path) -> None:
    target.check(path.read_bytes())


def test_every_folder_of_the_corpus_is_of_a_target() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} <= set(TARGETS)


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_comes(target: Target, data: st.DataObject) -> None:
    target.check(data.draw(inputs(target)))


def test_what_was_found_is_made_small() -> None:
    def failure(data: bytes) -> str | None:
        return "found" if b"<" in data and b"&" in data else None

    assert minimise(b"a" * 100 + b"<" + b"b" * 77 + b"&cc", failure) == b"<&"


def test_the_fuzzer_runs_and_finds() -> None:
    """By atheris itself, for a second, and by its name on the command line."""
    pytest.importorskip("atheris", reason="there are wheels of atheris for Linux on x86-64 only")
    command = [sys.executable, "-m", "tests.fuzz", "routes", "--seconds", "1", "--seed", "5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 found, by seed 5" in done.stdout
    executions = int(done.stdout.partition("routes: ")[2].split()[0])
    assert executions > 100
