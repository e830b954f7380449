"""Section 8 of docs/format.md: the chained code. See seedlm_reference.py for what these files are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from seedlm_reference import LARGEST_BINARY32, SMALLEST_NORMAL_BINARY32, binary32, binary32_bits, require, unpack_stream

PAGE = Path(__file__).resolve().parents[2] / "docs" / "format.md"
TABLE_HEADER = "| K | field | masks, bit 0 first |"


def parity(n: int) -> int:
    return bin(n).count("1") % 2


@dataclass(frozen=True)
class ChainMap:
    length: int  # K
    fields: tuple[tuple[int, ...], ...]  # mask[f][j]

    def check(self) -> "ChainMap":
        require(2 <= self.length <= 24, f"window length {self.length} is not in 2..24")
        require(1 <= len(self.fields) <= 8, f"{len(self.fields)} fields, not 1..8")
        for field in self.fields:
            require(1 <= len(field) <= 8, f"a field of {len(field)} bits, not 1..8")
            for mask in field:
                require(mask != 0, "a mask is zero")
                require(0 < mask < 2**self.length, f"mask {mask} names bits beyond the window")
        newest = 1 << (self.length - 1)
        require(any(mask & newest for field in self.fields for mask in field), "no mask names the newest bit")
        return self

    @property
    def largest_integer(self) -> int:  # S
        return sum(2 ** len(field) - 1 for field in self.fields)

    def field_values(self, window: int) -> list[int]:
        return [sum(parity(window & mask) << j for j, mask in enumerate(field)) for field in self.fields]

    def integer(self, window: int) -> int:
        return 2 * sum(self.field_values(window)) - self.largest_integer

    def as_json(self) -> dict:
        return {"length": self.length, "fields": [list(field) for field in self.fields]}


@dataclass(frozen=True)
class ChainedCode:
    bits_per_weight: int  # k
    map: ChainMap

    def check(self) -> "ChainedCode":
        k = self.bits_per_weight
        self.map.check()
        require(1 <= k <= 8, f"{k} bits per weight, not 1..8")
        require(k < self.map.length, f"{k} bits per weight are not less than the window's {self.map.length}")
        return self

    @property
    def word_weights(self) -> int:  # C, for the machine
        weights = -(-32 // self.bits_per_weight)
        return weights + -weights % 4

    @property
    def word_bits(self) -> int:  # W
        return self.word_weights * self.bits_per_weight

    @property
    def largest_integer(self) -> int:  # L of section 4
        return self.map.largest_integer

    def windows(self, stored: list[int], before: int = 0) -> list[int]:
        windows = []
        for t in stored:
            before = (before >> self.bits_per_weight) | (t << (self.map.length - self.bits_per_weight))
            windows.append(before)
        return windows

    def integers(self, stored: list[int]) -> list[int]:
        return [self.map.integer(window) for window in self.windows(stored)]

    def as_json(self) -> dict:
        return {"bits_per_weight": self.bits_per_weight, "map": self.map.as_json()}


def window_by_position(code: ChainedCode, stored: list[int], c: int) -> int:
    """The window by the page's second definition: bit i is bit k(c+1)-K+i of the row's stream."""
    k, stream = code.bits_per_weight, sum(t << (n * code.bits_per_weight) for n, t in enumerate(stored))
    first = k * (c + 1) - code.map.length
    return sum((stream >> (first + i) & 1) << i for i in range(code.map.length) if first + i >= 0)


# --------------------------------------------------------------------------------------------------------------------
# The standard maps, read from the page


@cache
def standard_maps() -> dict[int, ChainMap]:
    """The table of the page. Anything unexpected in it is an error here, never a guess."""
    page = PAGE.read_text(encoding="utf-8").splitlines()
    assert page.count(TABLE_HEADER) == 1, f"{PAGE.name} must hold the line {TABLE_HEADER!r} once"
    at = page.index(TABLE_HEADER) + 1
    assert page[at] == "|---|---|---|", f"{PAGE.name}: the table of the maps has no rule below its header"
    fields: dict[int, list[tuple[int, ...]]] = {}
    for line in page[at + 1 :]:
        if not line.startswith("|"):
            assert line == "", f"{PAGE.name}: no empty line after the table of the maps, but {line!r}"
            break
        row = re.fullmatch(r"\| ([0-9]+) \| ([0-9]+) \| ([0-9a-f]+(?: [0-9a-f]+)*) \|", line)
        assert row, f"{PAGE.name}: {line!r} is no row of the table of the maps"
        of_length = fields.setdefault(int(row[1]), [])
        assert int(row[2]) == len(of_length), f"{PAGE.name}: the fields of K = {row[1]} are not in order"
        of_length.append(tuple(int(mask, 16) for mask in row[3].split()))
    assert set(fields) == {16, 12}, f"{PAGE.name}: standard maps for {sorted(fields)}, not 12 and 16"
    maps = {length: ChainMap(length, tuple(masks)).check() for length, masks in fields.items()}
    for length, standard in maps.items():
        widths = [len(field) for field in standard.fields]
        assert widths == [4, 4, 4], f"{PAGE.name}: the map of K = {length} has fields of {widths} bits"
    return maps


def presets() -> dict[str, ChainedCode]:
    codes = {}
    for length, suffix in ((16, ""), (12, "-k12")):
        for k in (4, 3, 2):
            codes[f"chained-{k}b{suffix}"] = ChainedCode(k, standard_maps()[length]).check()
    return codes


# --------------------------------------------------------------------------------------------------------------------
# A coded matrix


def check_row_scale(code: ChainedCode, bits: int) -> float:
    """A bfloat16 number: the upper half of a binary32 number."""
    scale = binary32(bits << 16)
    require(scale == scale, "the scale is not a number")
    require(scale > 0, "the scale is not positive")
    require(scale != float("inf"), "the scale is infinite")
    require(scale >= SMALLEST_NORMAL_BINARY32, "the scale is subnormal")
    require(2.0 * code.largest_integer * scale <= LARGEST_BINARY32, "the scale is too large")
    return scale


@dataclass(frozen=True)
class ChainedMatrix:
    code: ChainedCode
    rows: int
    columns: int
    words: bytes
    scale_bits: tuple[int, ...]  # of bfloat16 numbers, one per row

    def stored(self) -> list[list[int]]:
        """t of each weight, row by row, after everything that must be refused has been."""
        self.code.check()
        require(len(self.scale_bits) == self.rows, f"{len(self.scale_bits)} scales for {self.rows} rows")
        for bits in self.scale_bits:
            check_row_scale(self.code, bits)
        flat = unpack_stream(self.words, self.code.bits_per_weight, self.rows * self.columns)
        return [flat[r * self.columns : (r + 1) * self.columns] for r in range(self.rows)]

    def integers(self) -> list[list[int]]:
        return [self.code.integers(row) for row in self.stored()]

    def weights_bits(self) -> list[list[int]]:
        """I · scale: exact, so Python's float product is it, and so is its binary32 form. 0 · scale is +0."""
        weights = []
        for row, bits in zip(self.integers(), self.scale_bits, strict=True):
            scale = check_row_scale(self.code, bits)
            weights.append([binary32_bits(i * scale) for i in row])
        return weights

    def word_list(self) -> list[int]:
        """The machine's words of every row, one row after the other; places beyond the row are zero bits."""
        k, c = self.code.bits_per_weight, self.code.word_weights
        words = []
        for row in self.stored():
            for first in range(0, self.columns, c):
                words.append(sum(t << (j * k) for j, t in enumerate(row[first : first + c])))
        return words
