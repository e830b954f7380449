"""A second decoder of the seedlm format, written from docs/format.md alone: here sections 1 to 4 and 6.

Section 5 is in container_reference.py, section 8 in chained_reference.py, section 9 in rotation_reference.py.

It is meant to be read next to that page, section by section, and to be obviously right rather than fast. It shares nothing
with the Rust golden model: not its code, not its order of computation. Python 3.11 or newer, standard library only.

Everything that must be refused (section 7) raises `Refused`, with the reason in words.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction

LARGEST_BINARY32 = struct.unpack("<f", bytes.fromhex("ffff7f7f"))[0]
SMALLEST_NORMAL_BINARY32 = 2.0**-126


class Refused(Exception):
    """The input breaks a rule of the format."""


def require(condition: bool, reason: str) -> None:
    if not condition:
        raise Refused(reason)


# --------------------------------------------------------------------------------------------------------------------
# Section 1: the LFSR

DEFAULT_TAPS = {
    2: [0, 1], 3: [0, 1], 4: [0, 1], 5: [0, 2], 6: [0, 1], 7: [0, 1], 8: [0, 2, 3, 4], 9: [0, 4], 10: [0, 3],
    11: [0, 2], 12: [0, 1, 2, 8], 13: [0, 1, 2, 5], 14: [0, 1, 2, 12], 15: [0, 1], 16: [0, 1, 3, 12], 17: [0, 3],
    18: [0, 7], 19: [0, 1, 2, 5], 20: [0, 3], 21: [0, 2], 22: [0, 1], 23: [0, 5], 24: [0, 1, 2, 7],
}


def states_after(seed: int, length: int, taps: list[int], count: int) -> list[int]:
    """The `count` states that follow `seed`, by the page's "one bit sequence": each state is a window of K bits."""
    bits = [(seed >> n) & 1 for n in range(length)]
    for n in range(count):
        bits.append(sum(bits[n + t] for t in taps) % 2)
    return [sum(bits[n + i] << i for i in range(length)) for n in range(1, count + 1)]


def step_once(state: int, length: int, taps: list[int]) -> int:
    """One shift, by the page's first definition (the self-test holds the two against each other)."""
    new = 0
    for t in taps:
        new ^= (state >> t) & 1
    return (state >> 1) | (new << (length - 1))


def prime_factors(n: int) -> list[int]:
    found, d = [], 2
    while d * d <= n:
        if n % d == 0:
            found.append(d)
            while n % d == 0:
                n //= d
        d += 1
    return found + ([n] if n > 1 else [])


def is_maximal(length: int, taps: list[int]) -> bool:
    """Whether every non-zero state lies on one cycle of 2^K - 1 states.

    The bit sequence obeys b[n+K] = sum of b[n+t], so its characteristic polynomial over GF(2) is f(x) = x^K + sum of x^t.
    The cycle is full exactly if x has the order 2^K - 1 modulo f: then the powers of x are all non-zero residues.
    """
    if 0 not in taps:
        return False  # f is divisible by x: two states share a successor
    f = (1 << length) | sum(1 << t for t in taps)

    def times(a: int, b: int) -> int:
        product = 0
        while b:
            if b & 1:
                product ^= a
            b >>= 1
            a <<= 1
            if a >> length:
                a ^= f
        return product

    def x_to_the(n: int) -> int:
        result, square = 1, 2
        while n:
            if n & 1:
                result = times(result, square)
            square = times(square, square)
            n >>= 1
        return result

    period = (1 << length) - 1
    return x_to_the(period) == 1 and all(x_to_the(period // p) != 1 for p in prime_factors(period))


# --------------------------------------------------------------------------------------------------------------------
# Section 2: the block code


@dataclass(frozen=True)
class Code:
    block_size: int  # C
    latent_dimension: int  # P
    coefficient_bits: int  # B
    exponent_bits: int  # E
    length: int  # K
    taps: tuple[int, ...]

    def check(self) -> "Code":
        c, p, b, e, k = self.block_size, self.latent_dimension, self.coefficient_bits, self.exponent_bits, self.length
        require(1 <= c <= 64, f"block size {c} is not in 1..64")
        require(1 <= p <= min(8, c), f"latent dimension {p} is not in 1..min(8, block size)")
        require(2 <= b <= 8, f"coefficient width {b} is not in 2..8")
        require(0 <= e <= 5, f"exponent width {e} is not in 0..5")
        require(2 <= k <= 24, f"LFSR length {k} is not in 2..24")
        for t in self.taps:
            require(0 <= t < k, f"tap {t} is not a bit of the register")
        require(len(set(self.taps)) == len(self.taps), "a tap is named twice")
        require(is_maximal(k, list(self.taps)), "the register is not maximal")
        require(self.word_bits <= 128, "the word is wider than 128 bits")
        require(self.integer_bits <= 53, f"the integer weight needs {self.integer_bits} bits, more than 53")
        return self

    @property
    def word_bits(self) -> int:
        return self.length + self.exponent_bits + self.latent_dimension * self.coefficient_bits

    @property
    def largest_mantissa(self) -> int:  # M
        return self.latent_dimension * 2 ** (self.coefficient_bits - 1) * (2 ** (self.length - 1) - 1)

    @property
    def largest_integer(self) -> int:  # L
        return self.largest_mantissa * 2 ** (2**self.exponent_bits - 1)

    @property
    def integer_bits(self) -> int:
        return self.largest_mantissa.bit_length() + 1 + 2**self.exponent_bits - 1

    def as_json(self) -> dict:
        return {
            "block_size": self.block_size,
            "latent_dimension": self.latent_dimension,
            "coefficient_bits": self.coefficient_bits,
            "exponent_bits": self.exponent_bits,
            "lfsr": {"length": self.length, "taps": list(self.taps)},
        }


PAPER_4B = Code(8, 3, 4, 4, 16, (0, 1, 3, 12))
PAPER_3B = Code(12, 4, 4, 4, 16, (0, 1, 3, 12))


def pack_word(code: Code, seed: int, exponent: int, coefficients: list[int]) -> int:
    require(1 <= seed < 2**code.length, "the seed is out of range")
    require(0 <= exponent < 2**code.exponent_bits, "the exponent is out of range")
    require(len(coefficients) == code.latent_dimension, "another number of coefficients than P")
    word, at = seed | exponent << code.length, code.length + code.exponent_bits
    for q in coefficients:
        half = 2 ** (code.coefficient_bits - 1)
        require(-half <= q < half, "a coefficient is out of range")
        word |= (q % (2 * half)) << at
        at += code.coefficient_bits
    return word


def unpack_word(code: Code, word: int) -> tuple[int, int, list[int]]:
    require(0 <= word < 2**code.word_bits, "the word is wider than the code says")
    seed = word % 2**code.length
    require(seed != 0, "the seed is zero")
    exponent = (word >> code.length) % 2**code.exponent_bits
    coefficients = []
    for p in range(code.latent_dimension):
        field = (word >> (code.length + code.exponent_bits + p * code.coefficient_bits)) % 2**code.coefficient_bits
        coefficients.append(field - 2**code.coefficient_bits if field >= 2 ** (code.coefficient_bits - 1) else field)
    return seed, exponent, coefficients


def decode_block(code: Code, word: int) -> tuple[list[int], list[int]]:
    """The mantissas m[c] and the integer weights I[c] of a word."""
    seed, exponent, q = unpack_word(code, word)
    v = states_after(seed, code.length, list(code.taps), code.block_size * code.latent_dimension)
    middle = 2 ** (code.length - 1)
    mantissas = []
    for c in range(code.block_size):
        row = v[c * code.latent_dimension : (c + 1) * code.latent_dimension]
        mantissas.append(sum(q_p * (v_p - middle) for q_p, v_p in zip(q, row, strict=True)))
    return mantissas, [m * 2**exponent for m in mantissas]


# --------------------------------------------------------------------------------------------------------------------
# Section 3: a coded matrix


def blocks_per_row(code: Code, columns: int) -> int:
    return -(-columns // code.block_size)


def pack_stream(words: list[int], width: int) -> bytes:
    stream = sum(word << (n * width) for n, word in enumerate(words))
    return stream.to_bytes(-(-len(words) * width // 8), "little")


def unpack_stream(data: bytes, width: int, count: int) -> list[int]:
    require(len(data) == -(-count * width // 8), f"{len(data)} bytes of words, not {-(-count * width // 8)}")
    stream = int.from_bytes(data, "little")
    require(stream >> (count * width) == 0, "unused bits of the last byte are not zero")
    return [(stream >> (n * width)) % 2**width for n in range(count)]


def binary32(bits: int) -> float:
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def binary32_bits(value: float) -> int:
    return struct.unpack("<I", struct.pack("<f", value))[0]


def check_scale(code: Code, bits: int) -> float:
    scale = binary32(bits)
    require(scale == scale, "the scale is not a number")
    require(scale > 0, "the scale is not positive")
    require(scale != float("inf"), "the scale is infinite")
    require(scale >= SMALLEST_NORMAL_BINARY32, "the scale is subnormal")
    require(2.0 * code.largest_integer * scale <= LARGEST_BINARY32, "the scale is too large")
    return scale


def real_weight_bits(integer: int, scale: float) -> int:
    """`I * scale` in binary64, rounded to binary32: the bits.

    float(integer) is exact (53 bits), and Python's `*` is one binary64 multiplication. struct's "<f" converts binary64 to
    binary32, to nearest, ties to even. The self-test computes the same two roundings in exact integers (`round_twice`).
    """
    return binary32_bits(float(integer) * scale)


def round_to_bits(value: Fraction, bits: int) -> Fraction:
    """Round to `bits` significant bits, to nearest, ties to even, in exact arithmetic (no limit of the exponent)."""
    if value == 0:
        return value
    unit, magnitude = Fraction(1), abs(value)
    while magnitude / unit >= 2**bits:
        unit *= 2
    while magnitude / unit < 2 ** (bits - 1):
        unit /= 2
    return round(value / unit) * unit  # Fraction's round() is to the nearest integer, ties to even


def round_twice(integer: int, scale: float) -> Fraction:
    return round_to_bits(round_to_bits(integer * Fraction(scale), 53), 24)


@dataclass(frozen=True)
class Matrix:
    code: Code
    rows: int
    columns: int
    words: bytes
    scale_bits: int

    def word_list(self) -> list[int]:
        self.code.check()
        check_scale(self.code, self.scale_bits)
        return unpack_stream(self.words, self.code.word_bits, self.rows * blocks_per_row(self.code, self.columns))

    def integers(self) -> list[list[int]]:
        words, n = self.word_list(), blocks_per_row(self.code, self.columns)
        matrix = []
        for r in range(self.rows):
            row = [i for word in words[r * n : (r + 1) * n] for i in decode_block(self.code, word)[1]]
            matrix.append(row[: self.columns])
        return matrix

    def weights_bits(self) -> list[list[int]]:
        scale = check_scale(self.code, self.scale_bits)
        return [[real_weight_bits(i, scale) for i in row] for row in self.integers()]


# --------------------------------------------------------------------------------------------------------------------
# Section 4: integer arithmetic


def sum_bits(code: Code, columns: int, activation_bits: int) -> int:
    """Bits of an accumulator that never overflows."""
    return (columns * code.largest_integer * 2 ** (activation_bits - 1)).bit_length() + 1


def product(matrix: Matrix, activations: list[int], activation_bits: int) -> list[int]:
    half = 2 ** (activation_bits - 1)
    require(len(activations) == matrix.columns, f"{len(activations)} activations for {matrix.columns} columns")
    require(all(-half <= x < half for x in activations), f"an activation does not fit {activation_bits} bits")
    needed = sum_bits(matrix.code, matrix.columns, activation_bits)
    require(needed <= 64, f"the sums could need {needed} bits, more than 64")
    return [sum(i * x for i, x in zip(row, activations, strict=True)) for row in matrix.integers()]


def read_binary16(bits: int) -> tuple[int, int, int]:
    """(sign 0 or 1, significand, exponent) with value = (-1)^sign * significand * 2^exponent * 2^-24."""
    sign, field, fraction = bits >> 15, (bits >> 10) % 32, bits % 1024
    require(field != 31, "not a finite number")
    return (sign, fraction, 0) if field == 0 else (sign, 1024 + fraction, field - 1)


# --------------------------------------------------------------------------------------------------------------------
# Section 6: the machine's streams

BEAT_BYTES = 64


def fill_beats(data: bytes) -> bytes:
    return data + bytes(-len(data) % BEAT_BYTES)


def tile_order(rows: int, n: int, lanes: int, tile_rows: int) -> list[tuple[int, int] | None]:
    """Row and number of each word in the order in which it is emitted; None where there is none."""
    require(lanes % tile_rows == 0, "the lanes are not a multiple of the rows of a tile")
    d, order = lanes // tile_rows, []
    for tile in range(-(-rows // tile_rows)):
        for step in range(-(-n // d)):
            for lane in range(lanes):
                row, word = tile * tile_rows + lane // d, step * d + lane % d
                order.append((row, word) if row < rows and word < n else None)
    return order


def machine_words(words: list[int], width: int, rows: int, n: int, lanes: int, tile_rows: int) -> bytes:
    order = tile_order(rows, n, lanes, tile_rows)
    emitted = [0 if place is None else words[place[0] * n + place[1]] for place in order]
    return fill_beats(pack_stream(emitted, width))


def machine_activations(activations: list[int], bits: int, block_size: int, lanes: int, tile_rows: int) -> bytes:
    per_step = lanes // tile_rows * block_size
    steps = [activations[at : at + per_step] for at in range(0, len(activations), per_step)]
    packed = [pack_stream([x % 2**bits for x in step + [0] * (per_step - len(step))], bits) for step in steps]
    step_bits, beat_bits = per_step * bits, 8 * BEAT_BYTES
    if step_bits > beat_bits:
        return b"".join(fill_beats(step) for step in packed)
    stream, steps_per_beat = b"", beat_bits // step_bits
    for first in range(0, len(packed), steps_per_beat):
        beat = 0
        for place, step in enumerate(packed[first : first + steps_per_beat]):
            beat |= int.from_bytes(step, "little") << (place * step_bits)
        stream += beat.to_bytes(BEAT_BYTES, "little")
    return stream


def machine_results(results: list[int], tile_rows: int) -> bytes:
    stream = b""
    for first in range(0, len(results), tile_rows):
        tile = results[first : first + tile_rows]
        tile += [0] * (tile_rows - len(tile))
        stream += fill_beats(b"".join(struct.pack("<q", y) for y in tile))
    return stream
