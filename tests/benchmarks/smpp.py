"""Submits over SMPP, on npm's SMSC in a process of its own: ours, smpplib's and npm's client, in rounds."""

from __future__ import annotations

import contextlib
import logging
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import wait
from pathlib import Path

import smpplib.client  # type: ignore[import-untyped]  # it has no annotations

from mspace_legacy.smpp import Transmitter
from tests.benchmarks.measure import Goal, Section, Timings, in_rounds, scaled

__all__ = ["DELAY", "GOALS", "WINDOWS", "measure", "smpp"]

PEERS = Path(__file__).parents[1] / "smpp" / "peers"
PASSWORD = "letmein"
DELAY = 0.05
"""Seconds that the SMSC takes for an answer, in the second half."""

WINDOWS = (1, 10, 50)

Run = Callable[[int], object]
"""Submits so many messages and waits for every answer."""


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
    for name, (run, messages) in in_rounds(runs, rounds + 1):
        began = time.perf_counter()
        run(messages)
        timings[name].append((time.perf_counter() - began) / messages)
    return {name: taken[1:] for name, taken in timings.items()}


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


def smpp(scale: float) -> Section:
    """The time of a message, at once and where each answer takes `DELAY`."""
    if not (shutil.which("node") and (PEERS / "node_modules" / "smpp").is_dir()):
        return Section("SMPP", {}, absent=("npm's smpp: needs node, and `npm ci` in tests/smpp/peers",))
    rounds, messages = scaled(15, scale), scaled(400, scale)
    before = logging.root.manager.disable
    logging.disable()
    try:
        prompt, delayed = measure(rounds=rounds, messages=messages)
    finally:
        logging.disable(before)
    late = {f"{name}, answers late": took for name, took in delayed.items()}
    ideal = {_ideal(window): [DELAY / window] * rounds for window in WINDOWS}
    return Section(f"SMPP: a message ({rounds} rounds of {messages})", prompt | late | ideal, GOALS)


def _ideal(window: int) -> str:
    return f"window {window} by the delay"


GOALS = (
    Goal("submit, window 1", "smpplib, window 1", 1.0),
    Goal("send in a loop", "smpplib, window 1", 1.0),
    *(Goal(f"submit, window {window}", f"npm, window {window}", 1.0) for window in WINDOWS),
    *(Goal(f"submit, window {window}, answers late", _ideal(window), 1 / 0.9) for window in WINDOWS),
)
