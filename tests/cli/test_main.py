"""How the command line starts: what it imports, what it says of itself, and what it does without its packages."""

from __future__ import annotations

import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import click
import pytest

from mspace_legacy import __version__
from mspace_legacy.cli import group, main
from tests.cli.process import Finished, environment, run

EXIT_CODES = ("0    done", "1    failure", "2    wrong usage", "3    outcome unknown", "130  interrupted")


def python(code: str) -> Finished:
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), timeout=20, check=False
    )
    return Finished(ended.returncode, ended.stdout, ended.stderr)


def test_version() -> None:
    assert run("--version") == (0, f"mspace-legacy, version {__version__}\n", "")


def test_each_command_of_the_issue_is_there() -> None:
    commands = {"demo", "emulator", "balance", "login", "send", "report", "subusers", "clients", "topup"}
    assert commands <= set(group.COMMANDS)


@pytest.mark.parametrize("arguments", [[], *([name] for name in group.COMMANDS)], ids=" ".join)
def test_help_tells_the_exit_codes(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "--help"]) == 0
    out = capsys.readouterr().out
    for line in EXIT_CODES:
        assert line in out
    assert "--json" in out


@pytest.mark.parametrize("name", group.COMMANDS)
def test_no_command_takes_a_secret_as_an_option(name: str) -> None:
    command = group.group.get_command(click.Context(group.group), name)
    assert command is not None
    options = {option for parameter in command.params for option in parameter.opts}
    assert not options & {"--password", "--api-key", "--apikey", "--secret"}


def test_the_library_does_not_import_the_command_line() -> None:
    ended = python(
        "import sys, mspace_legacy\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('click', 'rich', 'waitress')"
        " or (name + '.').startswith('mspace_legacy.cli.')])"
    )
    assert ended == (0, "[]\n", "")


@pytest.mark.parametrize(
    ("package", "command"),
    [("click", "balance"), ("rich", "balance"), ("waitress", "demo")],
)
def test_a_missing_package_is_told_in_one_line(package: str, command: str) -> None:
    ended = python(
        f"import sys\nsys.modules[{package!r}] = None\n"
        f"from mspace_legacy.cli import main\nsys.exit(main([{command!r}]))"
    )
    assert ended == (
        2,
        "",
        f"mspace-legacy: {package} is not installed: install mspace_legacy with its extra [cli]\n",
    )


def test_a_package_that_is_none_of_the_extra_is_told_by_python() -> None:
    ended = python("import sys\nsys.modules['getpass'] = None\nfrom mspace_legacy.cli import main\nmain(['balance'])")
    assert ended.code == 1
    assert "ModuleNotFoundError: import of getpass" in ended.err
    assert "pip install" not in ended.err


def test_a_defect_is_told_without_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def broken() -> int:
        raise RuntimeError("http://host/password=canary-8f31")

    monkeypatch.setattr(group.group, "get_command", lambda context, name: broken)
    assert main(["balance"]) == 1
    out, err = capsys.readouterr()
    assert "canary-8f31" not in out + err
    assert "RuntimeError in test_main.py, line " in err
    assert len(err.splitlines()) == 1


SEND = ["send", "MSPACE", "0722000000", "--url", "http://127.0.0.1:1", "--username", "u"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["verifier"], "standard input is no terminal"),
        ([*SEND, "hi"], "standard input is no terminal: give --yes to go ahead"),
        ([*SEND, "-", "--yes"], "message is empty"),
    ],
    ids=str,
)
def test_a_closed_standard_input_holds_nothing(arguments: list[str], told: str) -> None:
    code = "import os; os.close(0); os.execv(sys.executable, [sys.executable, '-m', 'mspace_legacy', *{!r}])"
    secret = f"import os, sys; os.environ['MSPACE_PASSWORD'] = 'p' if {arguments[0]!r} == 'send' else ''; "
    ended = python(secret + code.format(arguments))
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err


def test_the_entry_point_is_main() -> None:
    setup = ConfigParser()
    setup.read(Path(__file__).parents[2] / "setup.cfg")
    assert "mspace-legacy = mspace_legacy.cli:main" in setup["options.entry_points"]["console_scripts"]
