"""Drawing: SHA-256 of a name and a counter, so a new case changes no other and no Python version matters."""

from __future__ import annotations

import hashlib

from seedlm_reference import Code, Matrix, Refused, binary32_bits, blocks_per_row, pack_stream, pack_word


class Draw:
    def __init__(self, name: str) -> None:
        self.name, self.count = name, 0

    def below(self, n: int) -> int:
        self.count += 1
        digest = hashlib.sha256(f"{self.name}/{self.count}".encode()).digest()
        return int.from_bytes(digest[:16], "big") % n

    def between(self, low: int, high: int) -> int:
        return low + self.below(high - low + 1)

    def word(self, code: Code) -> int:
        half = 2 ** (code.coefficient_bits - 1)
        seed = self.between(1, 2**code.length - 1)
        exponent = self.below(2**code.exponent_bits)
        return pack_word(code, seed, exponent, [self.between(-half, half - 1) for _ in range(code.latent_dimension)])

    def matrix(self, code: Code, rows: int, columns: int, scale_bits: int | None = None) -> Matrix:
        words = [self.word(code) for _ in range(rows * blocks_per_row(code, columns))]
        bits = usual_scale_bits(code, self.between(-24, -8)) if scale_bits is None else scale_bits
        return Matrix(code, rows, columns, pack_stream(words, code.word_bits), bits)

    def activations(self, count: int, bits: int) -> list[int]:
        return [self.between(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for _ in range(count)]


def usual_scale_bits(code: Code, bias: int) -> int:
    """The scale that an encoder takes: binary32(2^bias / (2^(K-1) - 1))."""
    return binary32_bits(2.0**bias / (2 ** (code.length - 1) - 1))


def hex32(bits: int) -> str:
    return f"{bits:08x}"


def must_refuse(what: str, mentions: list[str], action) -> None:
    try:
        action()
    except Refused as error:
        missing = [word for word in mentions if word.lower() not in str(error).lower()]
        assert not missing, f"{what}: refused with '{error}', which does not mention {missing}"
    else:
        raise AssertionError(f"{what}: not refused")
