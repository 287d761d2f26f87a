"""What is tried: the points and the faults of each operation, all boundaries and offsets by a seed, or every byte."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from tests.matrix.proxy import Fault, Sizes
from tests.matrix.surfaces import SENDS, Surface

__all__ = ["Case", "Prelude", "cases"]

Prelude = Literal["fresh", "reused", "closed", "reset"]
"""What there was before: no connection, or one that was used for a read; which the server then closed, or reset."""

_SUBMITTED = ("submit", "submit long", "submit refused")


@dataclass(frozen=True, slots=True)
class Case:
    """One cell, before it is run. `sizes` are those of a healthy exchange."""

    surface: str
    operation: str
    prelude: Prelude
    fault: Fault | None
    sizes: Sizes

    def __str__(self) -> str:
        return f"{self.surface}: {self.operation}, {self.prelude}: {self.fault or 'no fault'} of {self.sizes}"

    @property
    def acts(self) -> bool:
        """Whether it is no read."""
        return self.operation in SENDS


def cases(name: str, surface: Surface, operation: str, sizes: Sizes, seed: int, *, every_byte: bool) -> list[Case]:
    """What is tried of one operation: every boundary, and offsets at random; or every offset that there is."""
    rng = random.Random(f"{seed} {name} {operation}")  # noqa: S311  # the same ones for the same seed
    acts = operation in SENDS
    smpp = surface.wire in ("smpp", "smpps")
    found: list[tuple[Prelude, Fault | None]] = []
    preludes: tuple[Prelude, ...] = (
        ("fresh",) if operation in ("bind", "receive", *_SUBMITTED) else ("fresh", "reused")
    )

    def add(point: str, act: str, offset: int = 0, lasting: bool | None = None) -> None:
        lasts = rng.random() < 0.5 if lasting is None else lasting
        if smpp and operation != "bind":
            # It connects again by itself, which is to be seen.
            lasts = False
        fault = Fault(point, act, offset, rng.randrange(1, 256), lasts)  # type: ignore[arg-type]
        found.append((rng.choice(preludes) if point in ("request", "reply") else "fresh", fault))

    connects = not smpp or operation == "bind"
    if connects:
        for act in ("refuse", "reset", "close", "half-close", "stall"):
            for lasting in (True, False) if act != "refuse" else (True,):
                add("connect", act, lasting=lasting)
    if sizes.handshake and connects:
        for point, size in (("hello", sizes.hello), ("handshake", sizes.handshake - 1)):
            for offset in _offsets(size, rng, every_byte=every_byte):
                for act in _some(
                    ("reset", "close", "half-close", "stall", "corrupt"), rng, all_of_them=False, count=1
                ):
                    add(point, act, min(offset, size - (act == "corrupt")))
    for point, size in (("request", sizes.request), ("reply", sizes.reply)):
        for offset in _offsets(size, rng, every_byte=every_byte):
            for act in _some(
                ("reset", "close", "half-close", "stall", "corrupt"),
                rng,
                all_of_them=acts and every_byte,
                count=3 if acts else 1,
            ):
                add(point, act, min(offset, size - (act == "corrupt")))
        add(point, "corrupt", rng.randrange(size))
    if operation != "receive":
        add("reply", "drip", rng.randrange(max(1, sizes.reply - 40)))
        add("reply", "drip", 0)
    if operation not in ("receive", "bind"):
        add("reply", "duplicate", sizes.reply)
        add("reply", "duplicate-late", sizes.reply)
    if "reused" in preludes:
        found += [("reused", None), ("closed", None), ("reset", None), ("reused", Fault("connect", "refuse"))]
    return [Case(name, operation, prelude, fault, sizes) for prelude, fault in found]


def _offsets(size: int, rng: random.Random, *, every_byte: bool) -> list[int]:
    if every_byte:
        return list(range(size + 1))
    return sorted({0, 1, size - 1, size, rng.randrange(size)})


def _some(acts: tuple[str, ...], rng: random.Random, *, all_of_them: bool, count: int) -> tuple[str, ...]:
    return acts if all_of_them else tuple(rng.sample(acts, count))
