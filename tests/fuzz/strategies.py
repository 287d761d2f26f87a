"""Inputs for hypothesis: what a target reads, spoilt, and noise."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.fuzz.targets import Target

__all__ = ["inputs"]


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Octets of any kind; words of the grammar in no order; and seeds that were changed in up to six places."""
    seeds = st.sampled_from(target.seeds())
    words = st.sampled_from(target.words)
    return st.one_of(
        st.binary(max_size=64),
        st.lists(words | st.binary(max_size=3), max_size=12).map(b"".join),
        _mutated(seeds, words),
    )


@st.composite
def _mutated(draw: st.DrawFn, seeds: st.SearchStrategy[bytes], words: st.SearchStrategy[bytes]) -> bytes:
    data = bytearray(draw(seeds))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 32)))
        match draw(st.sampled_from(("flip", "insert", "delete", "duplicate", "splice", "truncate"))):
            case "flip" if start < len(data):
                data[start] ^= 1 << draw(st.integers(0, 7))
            case "insert":
                data[start:start] = draw(words | st.binary(max_size=4))
            case "delete":
                del data[start:end]
            case "duplicate":
                data[end:end] = data[start:end] * draw(st.integers(1, 3))
            case "splice":
                other = draw(seeds)
                data[start:] = other[draw(st.integers(0, len(other))) :]
            case "truncate":
                del data[start:]
    return bytes(data)
