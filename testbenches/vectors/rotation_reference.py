"""Section 9 of docs/format.md: rotation. See seedlm_reference.py for what these files are.

Python's floats are binary64 and each operator is one operation, rounded to nearest, ties to even.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from seedlm_reference import DEFAULT_TAPS, LARGEST_BINARY32, binary32, binary32_bits, require


def binary64(bits: int) -> float:
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def binary64_bits(value: float) -> int:
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def hadamard_factor(size: int) -> float:
    """H^(-1/2); math.sqrt is correctly rounded (IEEE 754), and so is the division."""
    exponent = size.bit_length() - 1
    if exponent % 2 == 0:
        return 0.5 ** (exponent // 2)
    return 0.5 ** ((exponent - 1) // 2) / math.sqrt(2.0)


def hadamard(v: list[float]) -> list[float]:
    v, size, d = list(v), len(v), 1
    while d < size:
        for i in range(size):
            if not i & d:
                v[i], v[i + d] = v[i] + v[i + d], v[i] - v[i + d]
        d *= 2
    factor = hadamard_factor(size)
    return [value * factor for value in v]


@dataclass(frozen=True)
class Rotation:
    sign_seed: int

    def check(self) -> "Rotation":
        require(1 <= self.sign_seed < 2**24, f"sign seed {self.sign_seed} is not in 1..2^24 - 1")
        return self

    def signs(self, n: int) -> list[float]:
        """σ[0] .. σ[2n-1]."""
        bits = [self.sign_seed >> i & 1 for i in range(24)]
        for i in range(2 * n):
            bits.append(sum(bits[i + t] for t in DEFAULT_TAPS[24]) % 2)
        return [-1.0 if bit else 1.0 for bit in bits[24:]]

    def apply(self, vector: list[float]) -> list[float]:
        n, signs = len(vector), self.check().signs(len(vector))
        size = 1 << (n.bit_length() - 1)
        v = [value * sign for value, sign in zip(vector, signs[:n], strict=True)]
        v[:size] = hadamard(v[:size])
        if size < n:
            v = [value * sign for value, sign in zip(v, signs[n:], strict=True)]
            v[n - size :] = hadamard(v[n - size :])
        return v

    def undo(self, vector: list[float]) -> list[float]:
        n, v, signs = len(vector), list(vector), self.check().signs(len(vector))
        size = 1 << (n.bit_length() - 1)
        if size < n:
            v[n - size :] = hadamard(v[n - size :])
            v = [value * sign for value, sign in zip(v, signs[n:], strict=True)]
        v[:size] = hadamard(v[:size])
        return [value * sign for value, sign in zip(v, signs[:n], strict=True)]

    def as_json(self) -> dict:
        return {"sign_seed": self.sign_seed}


def rounded_bits(value: float) -> int:
    """The bits of a binary64 number rounded to binary32; what is beyond the largest finite one becomes that."""
    try:
        return binary32_bits(value)
    except OverflowError:
        return binary32_bits(math.copysign(LARGEST_BINARY32, value))


def undone_weights_bits(rotation: Rotation, rows: list[list[int]]) -> list[list[int]]:
    """The weights of rotated rows: bits of binary32 numbers in and out."""
    return [[rounded_bits(w) for w in rotation.undo([binary32(bits) for bits in row])] for row in rows]


def rotated_activations_bits(rotation: Rotation, activations: list[int]) -> list[int]:
    """Rotated activations: bits of binary32 numbers in and out."""
    return [rounded_bits(x) for x in rotation.apply([binary32(bits) for bits in activations])]


def quantised(activations: list[int], width: int) -> tuple[int, list[int]]:
    """Section 4: bits of the scale, and the integers. A quotient of two binary32 numbers that is rounded to binary64 and then
    to binary32 is what one rounding to binary32 gives: 53 bits are more than twice 24 and 2."""
    values = [binary32(bits) for bits in activations]
    most = 2 ** (width - 1) - 1
    scale_bits = binary32_bits(max(map(abs, values)) / most)
    scale = binary32(scale_bits) or 1.0
    rounded = [round(binary32(binary32_bits(value / scale))) for value in values]
    return binary32_bits(scale), [max(-most, min(most, n)) for n in rounded]
