"""Words of each preset and what they decode to, by the decoder that was written from docs/format.md alone."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

from seedlm_reference import PAPER_3B, PAPER_4B, Code, decode_block, pack_word, read_binary16

CODES: dict[str, Code] = {"paper-4b": PAPER_4B, "paper-3b": PAPER_3B}


@dataclass(frozen=True)
class Format:
    """What the testbench has to know about a preset."""

    name: str
    lanes: int
    word_bits: int
    weights_per_word: int
    mantissa_bits: int
    exponent_bits: int
    code: Code | None

    @staticmethod
    def of_preset(name: str) -> "Format":
        # Lanes of the reference machine: the words of one beat of 512 bits, rounded up to whole tiles of 16 rows.
        if name == "fp16":
            # Significands of 11 bits and a sign; exponents 0 to 29.
            return Format(name, 32, 16, 1, mantissa_bits=12, exponent_bits=5, code=None)
        code = CODES[name]
        mantissa_bits = code.largest_mantissa.bit_length() + 1
        return Format(name, 16, code.word_bits, code.block_size, mantissa_bits, code.exponent_bits, code)

    @property
    def field_bits(self) -> int:
        """Bits of a mantissa on the bus: it is sign-extended to whole bytes."""
        return -(-self.mantissa_bits // 8) * 8

    @property
    def group_bits(self) -> int:
        return self.lanes * self.word_bits

    def decode(self, word: int) -> tuple[list[int], int]:
        """The mantissas of a word and their exponent."""
        if word == 0:
            # The padding of a stream: the only word with a zero seed.
            return [0] * self.weights_per_word, 0
        if self.code is None:
            sign, significand, exponent = read_binary16(word)
            return [-significand if sign else significand], exponent
        exponent = (word >> self.code.length) % 2**self.code.exponent_bits
        return decode_block(self.code, word)[0], exponent

    def random_word(self, rng: random.Random) -> int:
        """Any word that a matrix may hold: no zero seed, and no binary16 that is not finite."""
        if self.code is None:
            return rng.getrandbits(1) << 15 | rng.randrange(31) << 10 | rng.getrandbits(10)
        above_seed = rng.getrandbits(self.word_bits - self.code.length)
        return rng.randrange(1, 2**self.code.length) | above_seed << self.code.length

    def corner_words(self) -> list[int]:
        """Every field at its ends, and the padding word."""
        if self.code is None:
            fields = itertools.product((0, 1), (0, 1, 2, 15, 29, 30), (0, 1, 512, 1023))
            return [sign << 15 | exponent << 10 | fraction for sign, exponent, fraction in fields]
        code = self.code
        half = 2 ** (code.coefficient_bits - 1)
        words = [0]
        for seed in (1, 2, 2 ** (code.length - 1), 2**code.length - 1, 0xACE1):
            for coefficients in itertools.product((-half, 0, half - 1), repeat=code.latent_dimension):
                exponent = len(words) % 3 * (2**code.exponent_bits - 1) // 2
                words.append(pack_word(code, seed, exponent, list(coefficients)))
        return words


def sign_extended(value: int, bits: int) -> int:
    return value % 2**bits


def expected_group(form: Format, words: list[int]) -> tuple[int, int]:
    """tdata and tuser of the beat that a group of words becomes."""
    data = user = at = 0
    for lane, word in enumerate(words):
        mantissas, exponent = form.decode(word)
        for mantissa in mantissas:
            data |= sign_extended(mantissa, form.field_bits) << at
            at += form.field_bits
        user |= exponent << (lane * form.exponent_bits)
    return data, user


def describe_difference(form: Format, words: list[int], tdata: int, tuser: int) -> str:
    """The first weight of a group that is not what it must be."""
    per_lane = form.weights_per_word * form.field_bits
    for lane, word in enumerate(words):
        mantissas, exponent = form.decode(word)
        lane_data = (tdata >> (lane * per_lane)) % 2**per_lane
        for place, mantissa in enumerate(mantissas):
            got = (lane_data >> (place * form.field_bits)) % 2**form.field_bits
            expected = sign_extended(mantissa, form.field_bits)
            if got != expected:
                return f"lane {lane}, word {word:#x}, weight {place}: expected {expected:#x}, got {got:#x}"
        got = (tuser >> (lane * form.exponent_bits)) % 2**form.exponent_bits
        if got != exponent:
            return f"lane {lane}, word {word:#x}: expected exponent {exponent}, got {got}"
    return "no difference in any lane"
