"""Sections 12 and 13 of docs/format.md: matrices in layers and in scale groups. See seedlm_reference.py for what these files are.

How a container holds them is in container_reference.py. Python's floats are binary64 and `+` is one addition, rounded to
nearest, ties to even.
"""

from __future__ import annotations

from dataclasses import dataclass

from chained_reference import ChainedMatrix
from rotation_reference import Rotation, rounded_bits, undone_weights_bits
from seedlm_reference import Matrix, binary32

MOST_LAYERS = 8


def turn(layer: int, columns: int) -> int:
    """u: by how many columns the rows of a layer are turned to the left before they are coded."""
    return (layer - 1) * (columns // 8)


def turned(row: list, u: int) -> list:
    """Place j holds what stood in column (j + u) mod n."""
    return [row[(j + u) % len(row)] for j in range(len(row))]


def summed_row(rows: list[list[int]]) -> list[int]:
    """The weights of a row from those of its coded rows, the base first: bits of binary32 numbers in and out."""
    if len(rows) == 1:
        return rows[0]
    n, sums = len(rows[0]), []
    for c in range(n):
        total = binary32(rows[0][c])
        for layer, row in enumerate(rows[1:], 2):
            total = total + binary32(row[(c - turn(layer, n)) % n])
        sums.append(rounded_bits(total))
    return sums


def joined(coded: list[list[int]], groups: int) -> list[list[int]]:
    """Rows from coded rows, of which each has so many, one after the other."""
    rows = [coded[first : first + groups] for first in range(0, len(coded), groups)]
    return [[weight for group in row for weight in group] for row in rows]


@dataclass(frozen=True)
class LayeredMatrix:
    """A compressed matrix; one without layers has its base alone. Each row is so many rows of a layer: its scale groups."""

    layers: tuple[Matrix | ChainedMatrix, ...]
    rotation: Rotation | None
    source_shape: tuple[int, ...]
    groups: int = 1

    @property
    def base(self) -> Matrix | ChainedMatrix:
        return self.layers[0]

    @property
    def rows(self) -> int:
        return self.base.rows // self.groups

    @property
    def columns(self) -> int:
        return self.base.columns * self.groups

    def prefix_bits(self, m: int) -> list[list[int]]:
        """The bits of the binary32 weights of the first m layers, the rotation undone."""
        coded = [joined(layer.weights_bits(), self.groups) for layer in self.layers[:m]]
        weights = [summed_row(list(rows)) for rows in zip(*coded, strict=True)]
        return weights if self.rotation is None else undone_weights_bits(self.rotation, weights)

    def weights_bits(self) -> list[list[int]]:
        return self.prefix_bits(len(self.layers))
