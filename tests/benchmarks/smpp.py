"""Submits a second over SMPP, on npm's SMSC in a process of its own: ours, smpplib's and npm's client, in rounds.

Run it as `python -m tests.benchmarks.smpp`, after `npm ci` in tests/smpp/peers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import wait
from pathlib import Path
from typing import Any, NamedTuple

import smpplib.client  # type: ignore[import-untyped]  # it has no annotations

from mspace_legacy.smpp import Transmitter
from tests.benchmarks.measure import Ratio, Timings, ratio

__all__ = ["GOALS", "WINDOWS", "measure"]

PEERS = Path(__file__).parents[1] / "smpp" / "peers"
PASSWORD = "letmein"
DELAY = 0.05
"""Seconds that the SMSC takes for an answer, in the second half."""

WINDOWS = (1, 10, 50)

Run = Callable[[int], object]
"""Submits so many messages and waits for every answer."""


class Goal(NamedTuple):
    """`contender` submits at least `at_least` times as many messages a second as `baseline` does."""

    contender: str
    baseline: str
    at_least: float


GOALS = (Goal("submit, window 1", "smpplib, window 1", 1.0), Goal("send in a loop", "smpplib, window 1", 1.0))


@contextlib.contextmanager
def _node(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = ["node", str(PEERS / script), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@contextlib.contextmanager
def _smpplib(port: int) -> Iterator[Run]:
    client = smpplib.client.Client("127.0.0.1", port, allow_unknown_opt_params=True)
    answers: list[object] = []
    client.set_message_sent_handler(lambda pdu: answers.append(pdu.message_id))
    client.connect()
    client.bind_transmitter(system_id="demo", password=PASSWORD)

    def run(messages: int) -> None:
        answers.clear()
        for number in range(1, messages + 1):
            client.send_message(
                source_addr_ton=5,
                source_addr="MSPACE",
                dest_addr_ton=1,
                dest_addr_npi=1,
                destination_addr="254722000000",
                registered_delivery=1,
                short_message=b"hi",
            )
            while len(answers) < number:
                client.read_once()

    yield run
    client.unbind()
    client.disconnect()


@contextlib.contextmanager
def _send(port: int) -> Iterator[Run]:
    with Transmitter("127.0.0.1", port, "demo", PASSWORD, window=1) as transmitter:
        yield lambda messages: [transmitter.send("MSPACE", "0722000000", "hi") for _ in range(messages)]


@contextlib.contextmanager
def _submit(port: int, window: int) -> Iterator[Run]:
    with Transmitter("127.0.0.1", port, "demo", PASSWORD, window=window) as transmitter:

        def run(messages: int) -> None:
            done = wait([transmitter.submit("MSPACE", "0722000000", "hi") for _ in range(messages)])
            for future in done.done:
                future.result()

        yield run


@contextlib.contextmanager
def _npm(port: int, window: int) -> Iterator[Run]:
    with _node("client.js", str(port)) as process:
        assert _line(process) == "bound"

        def run(messages: int) -> None:
            assert process.stdin is not None
            process.stdin.write(f"{window} {messages}\n")
            process.stdin.flush()
            float(_line(process))

        yield run


def _time(runs: Mapping[str, tuple[Run, int]], rounds: int) -> Timings:
    """Seconds for each message, of each contender in each round; the first round only warms up."""
    timings: Timings = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, (run, messages) in runs.items():
            began = time.perf_counter()
            run(messages)
            if number:
                timings[name].append((time.perf_counter() - began) / messages)
    return timings


def measure(*, rounds: int, messages: int) -> tuple[Timings, Timings]:
    """What a message takes without a delay, and with one."""
    with _node("smsc.js") as smsc, contextlib.ExitStack() as stack:
        port = int(_line(smsc))
        enter = stack.enter_context
        runs = {
            "smpplib, window 1": enter(_smpplib(port)),
            "send in a loop": enter(_send(port)),
            **{f"submit, window {window}": enter(_submit(port, window)) for window in WINDOWS},
            **{f"npm, window {window}": enter(_npm(port, window)) for window in WINDOWS},
        }
        prompt = _time({name: (run, messages) for name, run in runs.items()}, rounds)
    with _node("smsc.js", str(round(DELAY * 1000))) as smsc, contextlib.ExitStack() as stack:
        port = int(_line(smsc))
        enter = stack.enter_context
        delayed = _time(
            {
                f"{name}, window {window}": (enter(contender(port, window)), max(1, messages // 20) * window)
                for window in WINDOWS
                for name, contender in (("submit", _submit), ("npm", _npm))
            },
            rounds,
        )
    return prompt, delayed


def main() -> None:
    """Measure as the options say, and print a report."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.smpp", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="turns for each (%(default)s)")
    parser.add_argument("--messages", type=int, default=400, help="messages in a turn (%(default)s)")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args()
    logging.disable()
    prompt, delayed = measure(rounds=options.rounds, messages=options.messages)
    report = _report(prompt, delayed)
    print(json.dumps(report, indent=2) if options.json else _text(report))


def _report(prompt: Timings, delayed: Timings) -> dict[str, Any]:
    goals = []
    for goal in GOALS:
        found = ratio(prompt, goal.baseline, goal.contender)
        goals.append(_told(f"{goal.contender} / {goal.baseline}", found, goal.at_least))
    for window in WINDOWS:
        name = f"submit, window {window}"
        ideal = [DELAY / window / seconds for seconds in delayed[name]]
        found = Ratio(statistics.median(ideal), min(ideal), max(ideal))
        goals.append(_told(f"{name} / window by delay", found, 0.9))
    return {
        "messages a second": {name: 1 / statistics.median(seconds) for name, seconds in prompt.items()},
        f"with {DELAY:g} seconds of delay": {name: 1 / statistics.median(took) for name, took in delayed.items()},
        "goals": goals,
    }


def _told(name: str, found: Ratio, at_least: float) -> dict[str, Any]:
    return {"goal": name, "at_least": at_least, "ratio": found._asdict(), "met": found.median >= at_least}


def _text(report: dict[str, Any]) -> str:
    lines = []
    for title, rows in report.items():
        if title != "goals":
            lines += [title, *[f"  {name:24}{rate:10.0f}" for name, rate in rows.items()], ""]
    lines.append(f"{'Goals':44}{'at least':>9}{'median':>9}{'min':>9}{'max':>9}")
    lines += [
        f"{goal['goal']:44}{goal['at_least']:9.2f}{goal['ratio']['median']:9.2f}{goal['ratio']['least']:9.2f}"
        f"{goal['ratio']['most']:9.2f}  {'met' if goal['met'] else 'MISSED'}"
        for goal in report["goals"]
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
