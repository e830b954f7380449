#!/usr/bin/env python3
"""Makes the golden vectors of this folder, the same bytes every time.

    python3 testbenches/vectors/generate.py            write good/, odd/, bad/ and open/
    python3 testbenches/vectors/generate.py --check    compare with the files that are there; write nothing

Either way the reference decoder first tests itself, then decodes every good and odd vector and refuses every bad one.
"""

from __future__ import annotations

import json
import struct
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import chained_cases  # noqa: E402
import container_version_2_cases  # noqa: E402
import container_version_3_cases  # noqa: E402
import container_version_4_cases  # noqa: E402
import rotation_cases  # noqa: E402
from case_fields import matrix_case, matrix_fields, product_case, stream_fields  # noqa: E402
from container_plan import LAYER, NORM, Plan, plan  # noqa: E402
from container_reference import (  # noqa: E402
    HEADER_CRC_KEY, Tensor, crc32_text, json_text, read_container, read_safetensors, seal_header, write_safetensors,
)  # fmt: skip
from drawing import Draw, must_refuse, usual_scale_bits  # noqa: E402
from seedlm_reference import (  # noqa: E402
    DEFAULT_TAPS, LARGEST_BINARY32, PAPER_3B, PAPER_4B, Code, Matrix, binary32, blocks_per_row, check_scale, decode_block,
    is_maximal, machine_words, pack_stream, pack_word, product, read_binary16, real_weight_bits, round_to_bits, round_twice,
    states_after, step_once, sum_bits, unpack_word, binary32_bits,
)  # fmt: skip

HERE = Path(__file__).resolve().parent


def largest_scale_bits(code: Code) -> int:
    """The largest legal scale, found by halving; binary32 bit patterns of positive numbers are in order."""
    low, high = 0x00800000, 0x7F800000
    while high - low > 1:
        middle = (low + high) // 2
        if 2 * code.largest_integer * Fraction(binary32(middle)) <= Fraction(LARGEST_BINARY32):
            low = middle
        else:
            high = middle
    return low


def reciprocal_taps(length: int, taps: list[int]) -> tuple[int, ...]:
    """The taps of the sequence run backwards: maximal exactly if the first ones are."""
    return tuple(sorted({0} | {length - t for t in taps if t}))


# --------------------------------------------------------------------------------------------------------------------
# Cases


def word_case(name: str, why: str, code: Code, word: int) -> dict:
    seed, exponent, coefficients = unpack_word(code, word)
    mantissas, integers = decode_block(code, word)
    return {
        "name": name,
        "why": why,
        "code": code.as_json(),
        "word": f"{word:x}",
        "seed": seed,
        "exponent": exponent,
        "coefficients": coefficients,
        "mantissas": mantissas,
        "integers": integers,
    }


def stream_case(name: str, why: str, m: Matrix, lanes: int, tile_rows: int, bits: int) -> dict:
    x = Draw(name).activations(m.columns, bits)
    n = blocks_per_row(m.code, m.columns)
    words = machine_words(m.word_list(), m.code.word_bits, m.rows, n, lanes, tile_rows)
    fields = stream_fields(x, bits, product(m, x, bits), lanes, tile_rows, m.code.block_size, words)
    return {"name": name, "why": why, **matrix_fields(m), **fields}


def binary16_stream_case(name: str, why: str, rows: int, columns: int, lanes: int, tile_rows: int) -> dict:
    """binary16 weights count as C = 1 and W = 16: each is a word of its own."""
    draw = Draw(name)
    weights = [draw.below(2) << 15 | draw.below(0x7C00) for _ in range(rows * columns)]
    x, y = draw.activations(columns, 8), []
    for r in range(rows):
        total = 0
        for bits, activation in zip(weights[r * columns : (r + 1) * columns], x, strict=True):
            sign, significand, exponent = read_binary16(bits)
            total += (-1) ** sign * (significand << exponent) * activation
        y.append(total)
    words = machine_words(weights, 16, rows, columns, lanes, tile_rows)
    fields = stream_fields(x, 8, y, lanes, tile_rows, 1, words)
    rows_text = [" ".join(f"{bits:04x}" for bits in weights[r * columns : (r + 1) * columns]) for r in range(rows)]
    return {"name": name, "why": why, "rows": rows, "columns": columns, "binary16": rows_text, **fields}


def register_case(name: str, why: str, length: int, taps: list[int], seed: int, count: int = 16) -> dict:
    states = states_after(seed, length, taps, count)
    return {"name": name, "why": why, "length": length, "taps": taps, "seed": seed, "states_after_seed": states}


def preset_draws() -> list[tuple[str, Code]]:
    return [("paper-4b", PAPER_4B), ("paper-3b", PAPER_3B)]


FIGURE_3 = Code(4, 2, 4, 4, 3, (0, 1))


def good_registers() -> list[dict]:
    cases = [
        register_case("check-values-seed-1", "the check values of section 1", 16, DEFAULT_TAPS[16], 1, 8),
        register_case("check-values-seed-ace1", "the check values of section 1", 16, DEFAULT_TAPS[16], 0xACE1, 24),
    ]
    for k, taps in DEFAULT_TAPS.items():
        seed = Draw(f"register {k}").between(1, 2**k - 1)
        cases.append(register_case(f"default-{k}", "default taps, a drawn seed", k, taps, seed, 8))
    return cases


def good_words() -> list[dict]:
    page = pack_word(PAPER_4B, 0xACE1, 5, [-8, 7, -1])
    cases = [
        word_case("section-2-example", "the word 0xF785ACE1 of section 2", PAPER_4B, page),
        word_case("figure-3", "the worked example of section 2", FIGURE_3, pack_word(FIGURE_3, 4, 2, [3, -2])),
    ]
    for label, code in preset_draws():
        draw = Draw(f"words {label}")
        cases += [word_case(f"{label}-{n}", "drawn fields", code, draw.word(code)) for n in range(12)]
    return cases


def good_matrices() -> list[dict]:
    cases = []
    for label, code in preset_draws():
        for rows, columns in ((1, code.block_size), (3, 2 * code.block_size), (5, 4 * code.block_size)):
            name = f"{label}-{rows}x{columns}"
            cases.append(matrix_case(name, "whole blocks, drawn fields", Draw(name).matrix(code, rows, columns)))
    return cases


def good_products() -> list[dict]:
    cases = []
    for label, code in preset_draws():
        for rows, columns, bits in ((4, 24, 8), (3, 48, 16), (2, 24, 4)):
            name = f"{label}-{rows}x{columns}-a{bits}"
            m = Draw(name).matrix(code, rows, columns)
            why = "drawn activations of the stated width"
            cases.append(product_case(name, why, m, Draw(name + " x").activations(columns, bits), bits))
    return cases


def good_streams() -> list[dict]:
    shapes = [
        (16, 16, 8, "one word per row and step"),
        (32, 16, 8, "two neighbouring words per row and step; the last step and the last tile are padded"),
        (64, 16, 8, "four neighbouring words per row and step"),
        (8, 4, 16, "tiles of 4 rows: their results are padded to a whole beat each"),
        (64, 16, 16, "four words a step and 16-bit activations: a step of paper-3b takes two beats"),
        (8, 8, 8, "one word per row and step, several steps of activations to a beat"),
    ]
    cases = []
    for label, code in preset_draws():
        for lanes, tile_rows, bits, why in shapes:
            name = f"{label}-{lanes}-lanes-{tile_rows}-rows-a{bits}"
            rows, columns = tile_rows + 3, 5 * code.block_size + 5
            cases.append(stream_case(name, why, Draw(name).matrix(code, rows, columns), lanes, tile_rows, bits))
    return cases


def good_binary16_streams() -> list[dict]:
    return [
        binary16_stream_case("binary16-32-lanes", "the reference machine: two weights per row and step", 17, 7, 32, 16),
        binary16_stream_case("binary16-8-lanes", "tiles of 4 rows, an even number of columns", 5, 10, 8, 4),
    ]


def good_binary16() -> list[dict]:
    named = [
        (0x0000, "zero"), (0x8000, "minus zero"), (0x0001, "smallest subnormal"), (0x03FF, "largest subnormal"),
        (0x0400, "smallest normal"), (0x3C00, "one"), (0xBC00, "minus one"), (0x3555, "a third"), (0x7BFF, "largest"),
        (0xFBFF, "minus largest"), (0x07FF, "last of the first binade"), (0x0800, "first of the second binade"),
    ]  # fmt: skip
    draw = Draw("binary16")
    named += [(bits, "drawn") for bits in (draw.below(0x8000) | draw.below(2) << 15 for _ in range(24)) if bits >> 10 & 31 != 31]
    cases = []
    for bits, why in named:
        sign, significand, exponent = read_binary16(bits)
        value = significand << exponent
        fields = {"bits": f"{bits:04x}", "sign": sign, "significand": significand, "exponent": exponent}
        cases.append({"name": f"binary16-{bits:04x}", "why": why, **fields, "in_units_of_2^-24": -value if sign else value})
    return cases


def odd_registers() -> list[dict]:
    cases = []
    for k in (3, 5, 8, 12, 16, 19, 24):
        taps = list(reciprocal_taps(k, DEFAULT_TAPS[k]))
        seed = Draw(f"reciprocal {k}").between(1, 2**k - 1)
        cases.append(register_case(f"reciprocal-{k}", "maximal, but not the default taps", k, taps, seed))
    cases.append(register_case("galois-textbook-16", "maximal: x^16+x^14+x^13+x^11+1, reversed", 16, [0, 2, 3, 5], 0xACE1))
    cases.append(register_case("whole-cycle-2", "more states than the register has", 2, [0, 1], 1, 16))
    return cases


def odd_words() -> list[dict]:
    cases = []
    for label, code in preset_draws():
        p = code.latent_dimension
        for name, why, seed, exponent, q in (
            ("zero-block", "how a block of zeros is written", 1, 0, [0] * p),
            ("zero-otherwise", "all q zero, another seed and exponent: still zeros", 0xBEEF, 15, [0] * p),
            ("all-low", "every coefficient -8, largest exponent", 0x8001, 15, [-8] * p),
            ("all-high", "every coefficient 7, largest exponent", 0x7FFE, 15, [7] * p),
            ("low-exponent", "exponent 0", 0x1234, 0, [-8, 7] * (p // 2) + [1] * (p % 2)),
            ("last-seed", "seed 2^K - 1", 0xFFFF, 8, [-1] * p),
            ("first-seed", "seed 1", 1, 8, [1] * p),
        ):
            cases.append(word_case(f"{label}-{name}", why, code, pack_word(code, seed, exponent, q)))
    extremes = {
        "no-exponent": (Code(8, 3, 4, 0, 16, (0, 1, 3, 12)), "E = 0: the exponent field is empty"),
        "narrow-coefficients": (Code(8, 3, 2, 4, 16, (0, 1, 3, 12)), "B = 2"),
        "wide-coefficients": (Code(8, 3, 8, 4, 16, (0, 1, 3, 12)), "B = 8"),
        "one-dimension": (Code(8, 1, 4, 4, 16, (0, 1, 3, 12)), "P = 1"),
        "eight-dimensions": (Code(8, 8, 4, 4, 16, (0, 1, 3, 12)), "P = 8 = C"),
        "large-block": (Code(64, 8, 4, 4, 16, (0, 1, 3, 12)), "C = 64"),
        "block-of-one": (Code(1, 1, 4, 4, 16, (0, 1, 3, 12)), "C = 1"),
        "smallest-code": (Code(1, 1, 2, 0, 2, (0, 1)), "every parameter at its least: words of 4 bits"),
        "widest-word": (Code(8, 8, 8, 4, 24, (0, 1, 2, 7)), "92 bits; E = 5 would break the rule of 53 bits"),
        "exactly-53-bits": (Code(8, 8, 4, 5, 16, (0, 1, 3, 12)), "M of 21 bits, E = 5: exactly 53 bits"),
        "long-cycle-in-short-register": (Code(64, 8, 4, 4, 3, (0, 1)), "C·P = 512 states of a register with 7"),
        "taps-in-another-order": (Code(8, 3, 4, 4, 16, (12, 0, 3, 1)), "a set of taps has no order"),
    }
    for name, (code, why) in extremes.items():
        draw = Draw(name)
        cases += [word_case(f"{name}-{n}", why, code, draw.word(code)) for n in range(2)]
    for name, q in (("53-bits-lowest", -8), ("53-bits-highest", 7)):
        code = extremes["exactly-53-bits"][0]
        word = pack_word(code, 0x0001, 31, [q] * 8)
        cases.append(word_case(name, "exactly 53 bits, extreme coefficients, exponent 31", code, word))
    return cases


def double_rounding_matrix() -> Matrix:
    """A weight whose two roundings (binary64, then binary32) differ from one direct rounding.

    m·s must lie within the last bits of binary64 beside the middle between two binary32 numbers. With m odd, the scale's
    significand s is (2^(low-1) + d) / m modulo 2^low; a few thousand tries find one that has 24 bits.
    """
    code = Code(8, 8, 8, 0, 24, (0, 1, 2, 7))
    draw = Draw("double rounding")
    while True:
        word = draw.word(code)
        m = abs(decode_block(code, word)[0][0])
        if m % 2 == 0:
            continue
        for low in (m.bit_length(), m.bit_length() - 1):
            for d in (-3, -1, 1, 3):
                s = (2 ** (low - 1) + d) * pow(m, -1, 2**low) % 2**low
                if not 2**23 <= s < 2**24:
                    continue
                scale = s * 2.0**-60
                if round_twice(m, scale) != round_to_bits(m * Fraction(scale), 24):
                    return Matrix(code, 1, 1, pack_stream([word], code.word_bits), binary32_bits(scale))


def odd_matrices() -> list[dict]:
    cases = []

    def add(name: str, why: str, code: Code, rows: int, columns: int, scale_bits: int | None = None) -> None:
        cases.append(matrix_case(name, why, Draw(name).matrix(code, rows, columns, scale_bits)))

    for label, code in preset_draws():
        c = code.block_size
        add(f"{label}-partial-block", "the last block of each row is partial", code, 3, 2 * c + 3)
        add(f"{label}-fewer-columns", "columns smaller than C", code, 3, c - 3)
        add(f"{label}-one-column", "one column", code, 5, 1)
        add(f"{label}-no-rows", "no rows: no words, no bytes", code, 0, 2 * c)
        add(f"{label}-smallest-scale", "scale 2^-126, the smallest normal number", code, 2, c, 0x00800000)
        add(f"{label}-largest-scale", "the largest legal scale", code, 2, c, largest_scale_bits(code))
        add(f"{label}-odd-scale", "a scale with a full significand", code, 2, c, 0x36ABCDEF)
        p = code.latent_dimension
        for end, q in (("low", -8), ("high", 7)):
            words = [pack_word(code, seed, 15, [q] * p) for seed in (1, 0x8000, 0xFFFF)]
            m = Matrix(code, 3, c, pack_stream(words, code.word_bits), largest_scale_bits(code))
            why = f"every coefficient {q}, exponent 15, the largest legal scale: every weight is finite"
            cases.append(matrix_case(f"{label}-all-{end}", why, m))
        zeros = Matrix(code, 2, 2 * c, pack_stream([1] * 4, code.word_bits), usual_scale_bits(code, -12))
        cases.append(matrix_case(f"{label}-zeros", "blocks of zeros: weights are +0", zeros))
    for k, taps in DEFAULT_TAPS.items():
        why = f"K = {k} with its default taps; words of {k + 9} bits, so the last byte is mostly partial"
        add(f"length-{k}", why, Code(4, 2, 3, 3, k, tuple(taps)), 2, 7)
    for k in (5, 8, 16, 24):
        code = Code(4, 2, 3, 3, k, reciprocal_taps(k, DEFAULT_TAPS[k]))
        add(f"other-taps-{k}", "maximal taps that are not the default", code, 2, 7)
    add("exactly-53-bits", "the integer weight needs exactly 53 bits", Code(8, 8, 4, 5, 16, (0, 1, 3, 12)), 2, 11)
    add("widest-word", "words of 92 bits", Code(8, 8, 8, 4, 24, (0, 1, 2, 7)), 2, 9)
    add("smallest-code", "words of 4 bits", Code(1, 1, 2, 0, 2, (0, 1)), 3, 5)
    add("large-block", "C = 64, partial", Code(64, 8, 4, 4, 16, (0, 1, 3, 12)), 2, 70)
    why = "a weight that one direct rounding to binary32 would get wrong: section 3 asks for binary64 first"
    cases.append(matrix_case("two-roundings", why, double_rounding_matrix()))
    return cases


def odd_products() -> list[dict]:
    cases = []
    for label, code in preset_draws():
        p, c = code.latent_dimension, code.block_size
        words = [pack_word(code, seed, 15, [-8] * p) for seed in (1, 0x8000, 0xFFFF, 2)]
        m = Matrix(code, 2, 2 * c, pack_stream(words, code.word_bits), usual_scale_bits(code, -12))
        cases.append(product_case(f"{label}-lowest", "all activations -128", m, [-128] * 2 * c, 8))
        cases.append(product_case(f"{label}-zero-activations", "all activations 0", m, [0] * 2 * c, 8))
        m = Draw(f"{label} partial product").matrix(code, 3, c + 1)
        x = Draw(f"{label} partial x").activations(c + 1, 8)
        cases.append(product_case(f"{label}-partial-block", "a partial block has no weights beyond the row", m, x, 8))
        m = Draw(f"{label} no rows").matrix(code, 0, c)
        cases.append(product_case(f"{label}-no-rows", "no rows: no results", m, [1] * c, 8))
    code = Code(8, 8, 4, 5, 16, (0, 1, 3, 12))
    words = [pack_word(code, 0x0001, 31, [-8] * 8)]
    m = Matrix(code, 1, 8, pack_stream(words, code.word_bits), usual_scale_bits(code, -40))
    why = "the sums need exactly 64 bits by the rule of section 4: legal"
    cases.append(product_case("exactly-64-bits", why, m, [-256] * 8, 9))
    return cases


def odd_streams() -> list[dict]:
    cases = []
    for label, code in preset_draws():
        c = code.block_size
        name = f"{label}-one-row-one-column"
        cases.append(stream_case(name, "one weight in a tile of 16 rows", Draw(name).matrix(code, 1, 1), 32, 16, 8))
        name = f"{label}-exact-fit"
        m = Draw(name).matrix(code, 16, 4 * c)
        cases.append(stream_case(name, "nothing to pad: whole tiles, whole steps", m, 32, 16, 8))
        name = f"{label}-fewer-words-than-step"
        m = Draw(name).matrix(code, 17, c)
        cases.append(stream_case(name, "a row has fewer words than a step takes", m, 64, 16, 8))
    name = "odd-widths"
    m = Draw(name).matrix(Code(5, 2, 3, 3, 11, (0, 2)), 5, 43)
    cases.append(stream_case(name, "words of 20 bits, C = 5, D = 3, tiles of 2 rows: 4 steps to a beat", m, 6, 2, 8))
    name = "whole-beat-step"
    m = Draw(name).matrix(PAPER_4B, 3, 129)
    cases.append(stream_case(name, "a step of activations is exactly one beat", m, 16, 2, 8))
    name = "one-bit-over"
    m = Draw(name).matrix(Code(33, 2, 3, 3, 11, (0, 2)), 2, 70)
    cases.append(stream_case(name, "a step of 528 bits: two beats, the second nearly empty", m, 2, 2, 16))
    return cases


# A bad case is a good one with one defect; `reason` says which, `error_mentions` which words an error must hold
# (capitals do not matter).


def bad_codes() -> list[dict]:
    cases = []

    def add(name: str, reason: str, mentions: list[str], **changes: object) -> None:
        code = replace(PAPER_4B, **changes)
        cases.append({"name": name, "reason": reason, "error_mentions": mentions, "code": code.as_json()})

    add("taps-without-0", "without tap 0 two states share a successor", ["maximal"], taps=(1, 3, 12))
    add("taps-two-cycles", "taps 0,1 give a register of 16 bits shorter cycles", ["maximal"], taps=(0, 1))
    add("taps-one-changed", "tap 11 instead of 12: not maximal", ["maximal"], taps=(0, 1, 3, 11))
    add("taps-order-too-small", "irreducible, but the cycle is 5, not 15", ["maximal"], length=4, taps=(0, 1, 2, 3))
    add("taps-24-not-maximal", "the default taps but one: K = 24", ["maximal"], length=24, taps=(0, 1, 2, 6))
    add("taps-none", "no taps: every state decays to 0", ["maximal"], taps=())
    add("tap-too-high", "tap 16 of a register with bits 0..15", ["tap 16"], taps=(0, 1, 3, 16))
    add("tap-twice", "a tap named twice would cancel", ["twice"], taps=(0, 1, 3, 3, 12))
    add("length-1", "K is not in 2..24", ["length"], length=1, taps=(0,))
    add("length-0", "K is not in 2..24", ["length"], length=0, taps=())
    add("length-25", "K is not in 2..24 (the taps are maximal)", ["length"], length=25, taps=(0, 3))
    add("block-size-0", "C is not in 1..64", ["block size"], block_size=0, latent_dimension=1)
    add("block-size-65", "C is not in 1..64", ["block size"], block_size=65)
    add("latent-dimension-0", "P is not in 1..min(8, C)", ["latent dimension"], latent_dimension=0)
    add("latent-dimension-9", "P is not in 1..min(8, C)", ["latent dimension"], block_size=16, latent_dimension=9)
    add("latent-dimension-over-c", "P is larger than C", ["latent dimension"], block_size=2)
    add("coefficient-bits-1", "B is not in 2..8", ["coefficient"], coefficient_bits=1)
    add("coefficient-bits-9", "B is not in 2..8", ["coefficient"], coefficient_bits=9)
    add("exponent-bits-6", "E is not in 0..5", ["exponent"], exponent_bits=6)
    changes = {"latent_dimension": 8, "coefficient_bits": 5, "exponent_bits": 5}
    add("54-bits", "the integer weight needs 54 bits, one too many", ["53"], **changes)
    return cases


def bad_matrices() -> list[dict]:
    cases = []

    def add(name: str, reason: str, mentions: list[str], m: Matrix) -> None:
        cases.append({"name": name, "reason": reason, "error_mentions": mentions, **matrix_fields(m)})

    for label, code in preset_draws():
        m = Draw(f"bad {label}").matrix(code, 3, 2 * code.block_size + 1)
        w, count = code.word_bits, 9
        largest = largest_scale_bits(code)
        add(f"{label}-one-byte-less", "the byte string is one byte short", ["byte"], replace(m, words=m.words[:-1]))
        add(f"{label}-one-byte-more", "the byte string is one byte long", ["byte"], replace(m, words=m.words + b"\0"))
        add(f"{label}-no-bytes", "no bytes for 9 words", ["byte"], replace(m, words=b""))
        stream = int.from_bytes(m.words, "little")
        for where, n in (("first", 0), ("last", count - 1)):
            zeroed = stream & ~((2**code.length - 1) << (n * w))
            words = zeroed.to_bytes(len(m.words), "little")
            add(f"{label}-zero-seed-{where}", f"the {where} word has the seed 0", ["seed"], replace(m, words=words))
        scales = [
            ("zero", "the scale is zero", 0x00000000),
            ("minus-zero", "the scale is minus zero", 0x80000000),
            ("negative", "the scale is negative", 0xB6000000),
            ("nan", "the scale is not a number", 0x7FC00000),
            ("infinite", "the scale is infinite", 0x7F800000),
            ("smallest-subnormal", "the scale is subnormal", 0x00000001),
            ("largest-subnormal", "the scale is subnormal", 0x007FFFFF),
            ("too-large", "the scale is one step above the largest legal one", largest + 1),
            ("far-too-large", "the scale is the largest finite number", 0x7F7FFFFF),
        ]
        for name, reason, bits in scales:
            add(f"{label}-scale-{name}", reason, ["scale"], replace(m, scale_bits=bits))
    code = PAPER_3B
    m = Draw("bad padding").matrix(code, 1, 3 * code.block_size)  # 108 bits in 14 bytes
    for bit in (4, 7):
        words = m.words[:-1] + bytes([m.words[-1] | 1 << bit])
        add(f"padding-bit-{bit}", "an unused bit of the last byte is set", ["unused"], replace(m, words=words))
    m = Draw("bad empty").matrix(code, 0, code.block_size)
    add("bytes-for-no-rows", "one byte, but there are no words", ["byte"], replace(m, words=b"\0"))
    return cases


def bad_products() -> list[dict]:
    cases = []

    def add(name: str, reason: str, mentions: list[str], m: Matrix, x: list[int], bits: int) -> None:
        fields = {**matrix_fields(m), "activation_bits": bits, "activations": x}
        cases.append({"name": name, "reason": reason, "error_mentions": mentions, **fields})

    m = Draw("bad product").matrix(PAPER_4B, 2, 11)
    add("one-activation-less", "10 activations for 11 columns", ["activations"], m, [1] * 10, 8)
    add("one-activation-more", "12 activations for 11 columns", ["activations"], m, [1] * 12, 8)
    add("padded-activations", "the padding of a partial block is no column", ["activations"], m, [1] * 11 + [0] * 5, 8)
    code = Code(8, 8, 4, 5, 16, (0, 1, 3, 12))
    words = [pack_word(code, 0x0001, 31, [-8] * 8)]
    m = Matrix(code, 1, 8, pack_stream(words, code.word_bits), usual_scale_bits(code, -40))
    why = "by the rule of section 4 the sums could need 65 bits, whatever these activations are"
    add("65-bits", why, ["64"], m, [1] * 8, 10)
    return cases


# --------------------------------------------------------------------------------------------------------------------
# Containers

def small_plan(name: str = "container") -> Plan:
    draw = Draw(name)
    m = draw.matrix(PAPER_3B, 5, 29)  # 15 words of 36 bits: 540 bits, 4 unused
    norm = b"".join(struct.pack("<e", (draw.below(2048) - 1024) / 256) for _ in range(12))
    return plan({LAYER: ("paper-3b", m)}, {NORM: Tensor("F16", (12,), norm)})


def good_containers() -> dict[str, tuple[str, bytes]]:
    one, draw = small_plan(), Draw("two codes")
    two = plan(
        {
            "decoder.a.weight": ("paper-4b", draw.matrix(PAPER_4B, 4, 16)),
            "decoder.b.weight": ("paper-3b", draw.matrix(PAPER_3B, 3, 24)),
        },
        {"bias": Tensor("F32", (2, 3), bytes(range(24))), "flag": Tensor("U8", (3,), b"\x01\x02\x03")},
    )
    return {
        "one-matrix": ("a paper-3b matrix of 5 x 29 and a kept F16 vector", one.file()),
        "two-codes": ("two matrices with a code each, two kept tensors", two.file()),
    }


def odd_containers() -> dict[str, tuple[str, bytes]]:
    backwards = small_plan()
    backwards.document = dict(reversed(backwards.document.items()))
    backwards.tensors = dict(reversed(backwards.tensors.items()))
    backwards.metadata = {"zebra": 'a "quoted" entry: {"seedlm_header_crc32":"12345678"}', "format": "pt", "empty": ""}
    hollow = small_plan()
    hollow.document["kept"]["hollow"] = {"crc32": crc32_text(b"")}
    hollow.tensors["hollow"] = Tensor("U8", (0, 4), b"")
    nothing_kept = plan({LAYER: ("x", Draw("nothing kept").matrix(PAPER_4B, 1, 1))}, {})
    only_kept = plan({}, {NORM: Tensor("F16", (2,), bytes(4))})
    mislabelled = plan({LAYER: ("paper-4b", Draw("mislabelled").matrix(PAPER_3B, 2, 12))}, {})
    foreign = plan({"größe.\t重み": ("x", Draw("foreign").matrix(PAPER_4B, 2, 9))}, {"": Tensor("U8", (), b"\x07")})
    foreign.text = lambda header: json.dumps(header, ensure_ascii=True, separators=(",", ":"))
    return {
        "other-order": ("keys and tensors in another order, entries of the source, one of them a decoy", backwards.file()),
        "no-elements": ("a kept tensor without elements", hollow.file()),
        "nothing-kept": ("one weight, nothing kept", nothing_kept.file()),
        "nothing-compressed": ("no matrix at all", only_kept.file()),
        "mislabelled-code": ("a code of 3 bits with the label paper-4b: the codes decide, not their labels", mislabelled.file()),
        "foreign-names": ("names beyond ASCII, escaped in the header; an empty name; a tensor without dimensions", foreign.file()),
    }


def open_containers() -> dict[str, tuple[str, bytes]]:
    """Files on which the page does not decide. A decoder may take or refuse them; it must not crash."""
    spaced = small_plan()
    spaced.text = lambda header: json.dumps(header, indent=1)
    no_rows = plan({LAYER: ("x", Draw("empty").matrix(PAPER_4B, 0, 16))}, {})
    unused = small_plan()
    unused.document["codes"]["unused"] = PAPER_4B.as_json()
    extra = small_plan()
    negative = small_plan()
    negative.document["compressed"][LAYER]["squared_error"] = -1.0
    unpadded = small_plan()
    unpadded.metadata["odd"] = ""
    while True:
        raw = write_safetensors({**unpadded.metadata, "seedlm": json_text(unpadded.document), HEADER_CRC_KEY: "00000000"}, unpadded.tensors)
        (length,) = struct.unpack("<Q", raw[:8])
        stripped = raw[8 : 8 + length].rstrip(b" ")
        if len(stripped) % 8:
            break
        unpadded.metadata["odd"] += "x"
    unaligned = seal_header(struct.pack("<Q", len(stripped)) + stripped + raw[8 + length :])
    original = extra.text

    def more_keys(header: dict) -> str:
        header[NORM]["colour"] = "blue"
        return original(header)

    extra.text = more_keys
    return {
        "spaced-header": ("may the header's JSON have spaces and new lines between its tokens?", spaced.file()),
        "no-rows": ("may a compressed matrix have no rows?", no_rows.file()),
        "unused-code": ("may a code be listed that no matrix uses?", unused.file()),
        "key-in-tensor-entry": ("may a tensor's entry in the header have a further key?", extra.file()),
        "negative-error": ("may squared_error be negative?", negative.file()),
        "unaligned-data": ("must a decoder refuse data that do not start at a multiple of 8 bytes?", unaligned),
    }


def bad_containers() -> dict[str, tuple[str, list[str], bytes]]:
    files: dict[str, tuple[str, list[str], bytes]] = {}

    def add(name: str, reason: str, mentions: list[str], file: bytes) -> None:
        files[name] = (reason, mentions, file)

    good = small_plan().file()
    (length,) = struct.unpack("<Q", good[:8])
    words, scale = LAYER + ".seedlm_words", LAYER + ".seedlm_scale"

    def where(name: str) -> int:
        raw, _, tensors = read_safetensors(good)
        offset = json.loads(raw)[name]["data_offsets"][0]
        assert tensors[name].data == good[8 + length + offset :][: len(tensors[name].data)]
        return 8 + length + offset

    def flipped(at: int) -> bytes:
        return good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]

    # The header and its checksum.
    digits = good.index(b'"' + HEADER_CRC_KEY.encode()) + len(HEADER_CRC_KEY) + 5 - 1
    old = good[digits : digits + 8]
    assert old.decode() == small_digits(good)
    wrong = b"%08x" % (int(old, 16) ^ 1)
    add("header-crc-wrong", "one bit of the header's checksum is wrong", ["checksum"], good.replace(old, wrong))
    changed = good.replace(b"golden vectors", b"golden vectorz")
    assert changed != good
    add("header-changed", "one letter of the header is another", ["checksum"], changed)
    assert old.upper() != old, "choose another draw: these digits have no letter"
    add("header-crc-upper-case", "the digits are upper-case: they are compared as text", ["checksum"], good.replace(old, old.upper()))
    p = small_plan()
    metadata = {**p.metadata, "seedlm": json_text(p.document)}
    add("header-crc-missing", "no checksum of the header", ["checksum"], write_safetensors(metadata, p.tensors))
    metadata = {**p.metadata}
    add("no-document", "a plain safetensors file", ["seedlm"], write_safetensors(metadata, p.tensors))
    metadata = {**p.metadata, HEADER_CRC_KEY: "00000000"}
    add("document-missing", "a checksum, but no document", ["seedlm"], write_safetensors(metadata, p.tensors))
    metadata = {**p.metadata, "seedlm": json_text(p.document)[:-1], HEADER_CRC_KEY: "00000000"}
    add("document-broken", "the document is not JSON", ["description"], write_safetensors(metadata, p.tensors))
    crc = p.document["kept"][NORM]["crc32"]
    twice = json_text(p.document).replace('"kept":{', '"kept":{"%s":{"crc32":"%s"},' % (NORM, crc))
    metadata = {**p.metadata, "seedlm": twice, HEADER_CRC_KEY: "00000000"}
    add("kept-named-twice", "the document names a kept tensor twice", ["twice"], write_safetensors(metadata, p.tensors))
    add("empty-file", "a file of no bytes", ["truncated"], b"")
    add("truncated-length", "the file ends within its first 8 bytes", ["truncated"], good[:5])
    add("truncated-header", "the file ends within the header", ["truncated"], good[:200])
    add("truncated-data", "the last byte is missing", ["truncated"], good[:-1])
    add("trailing-byte", "a byte that no tensor owns", ["last tensor"], good + b"\0")
    add("header-longer-than-file", "the stated length of the header is larger than the file", ["header"], struct.pack("<Q", 2**40) + good[8:])
    add("header-not-json", "the header is not JSON", ["header"], good[:8] + b"[" + good[9:])

    # The data.
    add("words-changed", "one bit of the words is wrong", ["checksum", LAYER], flipped(where(words) + 7))
    add("scale-changed", "one bit of the scale is wrong", ["checksum", LAYER], flipped(where(scale)))
    add("kept-changed", "one bit of a kept tensor is wrong", ["checksum", NORM], flipped(where(NORM) + 3))

    # The document. Each of these has right checksums but for what is said.
    def edit(name: str, reason: str, mentions: list[str], change) -> None:
        p = small_plan()
        change(p)
        add(name, reason, mentions, p.file())

    def entry(p: Plan) -> dict:
        return p.document["compressed"][LAYER]

    def upper(p: Plan) -> None:
        digits = entry(p)["words_crc32"]
        assert digits.upper() != digits, "choose another draw: these digits have no letter"
        entry(p)["words_crc32"] = digits.upper()

    edit("words-crc-upper-case", "the digits of the words' checksum are upper-case", ["checksum"], upper)
    edit("words-crc-wrong", "the words' checksum is another", ["checksum"], lambda p: entry(p).update(words_crc32="00000000"))
    edit("scale-crc-wrong", "the scale's checksum is another", ["checksum"], lambda p: entry(p).update(scale_crc32="00000000"))
    edit("kept-crc-wrong", "a kept tensor's checksum is another", ["checksum"], lambda p: p.document["kept"].update({NORM: {"crc32": "00000000"}}))
    edit("words-crc-missing", "no checksum of the words", ["words_crc32"], lambda p: entry(p).pop("words_crc32"))
    edit("version-2-without-rotation", "version 2 asks for the key \"rotation\"", ["rotation"], lambda p: p.document.update(version=2))
    edit("newer-version", "version 5", ["version"], lambda p: p.document.update(version=5))
    edit("version-0", "version 0 never was", ["version"], lambda p: p.document.update(version=0))
    edit("version-missing", "no version", ["version"], lambda p: p.document.pop("version"))
    edit("unknown-key", "a key of the document that the page does not list", ["colour"], lambda p: p.document.update(colour="blue"))
    edit("unknown-key-in-entry", "such a key of a compressed matrix", ["colour"], lambda p: entry(p).update(colour="blue"))
    edit("unknown-key-in-code", "such a key of a code", ["colour"], lambda p: p.document["codes"]["paper-3b"].update(colour="blue"))
    edit("unknown-key-in-lfsr", "such a key of a register", ["colour"], lambda p: p.document["codes"]["paper-3b"]["lfsr"].update(colour="blue"))
    edit("unknown-key-in-kept", "such a key of a kept tensor", ["colour"], lambda p: p.document["kept"][NORM].update(colour="blue"))
    edit("code-missing", "the code's label is not defined", ["paper-5b"], lambda p: entry(p).update(code="paper-5b"))
    edit("source-dtype", "a source dtype that the page does not list", ["F64"], lambda p: entry(p).update(source_dtype="F64"))
    edit("shape-of-three", "a matrix has two dimensions", [], lambda p: entry(p).update(shape=[5, 29, 1]))
    edit("shape-negative", "a dimension below zero", [], lambda p: entry(p).update(shape=[-5, 29]))
    edit("shape-another", "5 x 37 needs 20 words, not 15", ["words", "90"], lambda p: entry(p).update(shape=[5, 37]))
    edit("code-not-maximal", "the register is not maximal", ["maximal"], lambda p: p.document["codes"]["paper-3b"]["lfsr"].update(taps=[0, 1]))
    edit("code-out-of-range", "a block size of 65", ["block size"], lambda p: p.document["codes"]["paper-3b"].update(block_size=65))

    # The tensors against the document.
    def tensor(name: str, **changes: object):
        def change(p: Plan) -> None:
            p.tensors[name] = replace(p.tensors[name], **changes)

        return change

    edit("not-accounted-for", "a tensor that the document does not name", ["stray"], lambda p: p.tensors.update(stray=Tensor("U8", (1,), b"\x01")))
    edit("original-still-there", "the original of a compressed matrix, not accounted for", [LAYER], lambda p: p.tensors.update({LAYER: Tensor("U8", (1,), b"\x01")}))
    edit("kept-missing", "a kept tensor is not in the file", [NORM], lambda p: p.tensors.pop(NORM))
    edit("words-missing", "the words are not in the file", ["seedlm_words"], lambda p: p.tensors.pop(words))
    edit("scale-missing", "the scale is not in the file", ["seedlm_scale"], lambda p: p.tensors.pop(scale))
    edit("kept-and-words", "the words are accounted for twice", ["seedlm_words"], lambda p: p.document["kept"].update({words: {"crc32": entry(p)["words_crc32"]}}))
    edit("words-dtype", "the words are I8", [LAYER, "words", "U8"], tensor(words, dtype="I8"))
    edit("words-shape", "the words have two dimensions", [LAYER, "words", "U8"], tensor(words, shape=(1, 68)))
    edit("scale-dtype", "the scale is I32", [LAYER, "scale", "F32"], tensor(scale, dtype="I32"))
    edit("scale-shape", "the scale has no dimension", [LAYER, "scale", "F32"], tensor(scale, shape=()))

    # Right checksums, but the matrix itself is bad.
    def matrix(change):
        def apply(p: Plan) -> None:
            data = change(p.tensors[words].data)
            p.tensors[words] = Tensor("U8", (len(data),), data)
            entry(p)["words_crc32"] = crc32_text(data)

        return apply

    def scale_bits(bits: int):
        def apply(p: Plan) -> None:
            data = struct.pack("<I", bits)
            p.tensors[scale] = Tensor("F32", (1,), data)
            entry(p)["scale_crc32"] = crc32_text(data)

        return apply

    edit("words-one-byte-less", "one byte of words less than the shape needs", ["words", "68"], matrix(lambda data: data[:-1]))
    edit("words-one-byte-more", "one byte of words more than the shape needs", ["words", "68"], matrix(lambda data: data + b"\0"))
    edit("words-padding-set", "an unused bit of the last byte is set", ["unused"], matrix(lambda data: data[:-1] + bytes([data[-1] | 0x80])))
    edit("words-zero-seed", "the first word has the seed 0", ["seed"], matrix(lambda data: b"\0\0" + data[2:]))
    edit("scale-zero", "the scale is zero", ["scale"], scale_bits(0))
    edit("scale-nan", "the scale is not a number", ["scale"], scale_bits(0x7FC00000))
    edit("scale-too-large", "the scale is one step too large", ["scale"], scale_bits(largest_scale_bits(PAPER_3B) + 1))
    return files


def small_digits(file: bytes) -> str:
    return read_safetensors(file)[1][HEADER_CRC_KEY]


def container_manifest(containers: dict[str, tuple], expected: str) -> list[dict]:
    cases = []
    for name, entry in containers.items():
        if expected == "refused":
            reason, mentions, _ = entry
            cases.append({"name": name, "file": name + ".safetensors", "expected": expected, "reason": reason, "error_mentions": mentions})
            continue
        why, file = entry
        if expected == "open":
            cases.append({"name": name, "file": name + ".safetensors", "expected": expected, "question": why})
            continue
        container = read_container(file)
        matrices = [{**matrix_case(n, why, m.base), "name": n} for n, m in container.compressed.items()]
        for m in matrices:
            del m["why"], m["code"], m["words"]
        kept = [{"name": n, "dtype": t.dtype, "shape": list(t.shape), "data": t.data.hex()} for n, t in container.kept.items()]
        cases.append({"name": name, "file": name + ".safetensors", "expected": expected, "why": why, "compressed": matrices, "kept": kept})
    return cases


# --------------------------------------------------------------------------------------------------------------------
# Files


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def lines(value: object) -> bool:
    """Whether a value is written with one line for each of its parts: rows of a matrix, not a row."""
    return isinstance(value, list) and any(isinstance(part, (list, dict, str)) for part in value)


def case_text(case: dict, indent: str) -> str:
    fields = []
    for key, value in case.items():
        if lines(value) and len(value) > 1:
            parts = [case_text(v, indent + "    ") if isinstance(v, dict) else compact(v) for v in value]
            inner = (",\n" + indent + "    ").join(parts)
            fields.append(f"{indent}  {compact(key)}: [\n{indent}    {inner}\n{indent}  ]")
        else:
            fields.append(f"{indent}  {compact(key)}: {compact(value)}")
    return "{\n" + ",\n".join(fields) + f"\n{indent}}}"


def vectors_text(what: str, cases: list[dict]) -> bytes:
    names = [case["name"] for case in cases]
    assert len(set(names)) == len(names), f"{what}: two cases have the same name"
    body = ",\n    ".join(case_text(case, "    ") for case in cases)
    text = f'{{\n  "what": {compact(what)},\n  "made_by": "python3 testbenches/vectors/generate.py",\n  "cases": [\n    {body}\n  ]\n}}\n'
    assert json.loads(text)["cases"] == cases
    return text.encode("utf-8")


def all_files() -> dict[str, bytes]:
    files = {
        "good/registers.json": vectors_text("registers: the states that follow a seed", good_registers()),
        "good/words.json": vectors_text("words: fields, mantissas and integers of one block", good_words()),
        "good/matrices.json": vectors_text("coded matrices with their integers and binary32 weights", good_matrices()),
        "good/products.json": vectors_text("products of a coded matrix and integer activations", good_products()),
        "good/streams.json": vectors_text("the machine's streams", good_streams()),
        "good/binary16_streams.json": vectors_text("the machine's streams of uncompressed weights", good_binary16_streams()),
        "good/binary16.json": vectors_text("binary16 numbers, read exactly", good_binary16()),
        "odd/registers.json": vectors_text("maximal registers with other taps", odd_registers()),
        "odd/words.json": vectors_text("words at the ends of what is legal", odd_words()),
        "odd/matrices.json": vectors_text("matrices at the ends of what is legal", odd_matrices()),
        "odd/products.json": vectors_text("products at the ends of what is legal", odd_products()),
        "odd/streams.json": vectors_text("streams of odd shapes", odd_streams()),
        "bad/codes.json": vectors_text("codes that must be refused", bad_codes()),
        "bad/matrices.json": vectors_text("matrices that must be refused", bad_matrices()),
        "bad/products.json": vectors_text("products that must be refused", bad_products()),
    }
    files |= {name: vectors_text(what, cases) for name, (what, cases) in (chained_cases.files() | rotation_cases.files()).items()}
    for version in (container_version_2_cases, container_version_3_cases, container_version_4_cases):
        containers, manifests = version.files()
        files |= containers | {name: vectors_text(what, cases) for name, (what, cases) in manifests.items()}
    for folder, containers, expected in (
        ("good", good_containers(), "ok"),
        ("odd", odd_containers(), "ok"),
        ("bad", bad_containers(), "refused"),
        ("open", open_containers(), "open"),
    ):
        manifest = container_manifest(containers, expected)
        files[f"{folder}/containers.json"] = vectors_text(f"containers: the files in containers/, {expected}", manifest)
        for name, entry in containers.items():
            files[f"{folder}/containers/{name}.safetensors"] = entry[-1]
    return files


# --------------------------------------------------------------------------------------------------------------------
# The reference decoder against itself and against the page


def code_of(case: dict) -> Code:
    c = case["code"]
    widths = (c["block_size"], c["latent_dimension"], c["coefficient_bits"], c["exponent_bits"])
    return Code(*widths, c["lfsr"]["length"], tuple(c["lfsr"]["taps"]))


def matrix_of(case: dict) -> Matrix:
    words, scale_bits = bytes.fromhex(case["words"]), int(case["scale_bits"], 16)
    return Matrix(code_of(case), case["rows"], case["columns"], words, scale_bits)


def self_test(files: dict[str, bytes]) -> None:
    # Section 1: every default is maximal; the test for it agrees with walking the cycle; both definitions agree.
    for k, taps in DEFAULT_TAPS.items():
        assert is_maximal(k, taps), f"the default taps of K = {k} are not maximal"
    for k in range(2, 9):
        for chosen in range(2**k):
            taps = [t for t in range(k) if chosen >> t & 1]
            state, seen = 1, 0
            while seen < 2**k:
                state, seen = step_once(state, k, taps), seen + 1
                if state == 1:
                    break
            assert is_maximal(k, taps) == (state == 1 and seen == 2**k - 1), f"K = {k}, taps {taps}"
    for k, taps in DEFAULT_TAPS.items():
        state = seed = 2**k - 2
        for expected in states_after(seed, k, taps, 40):
            state = step_once(state, k, taps)
            assert state == expected
    first = [32768, 16384, 8192, 4096, 34816, 17408, 8704, 4352]
    assert states_after(1, 16, DEFAULT_TAPS[16], 8) == first
    page = (
        "d670 eb38 f59c 7ace bd67 deb3 ef59 77ac 3bd6 1deb 0ef5 877a 43bd 21de 10ef 0877 043b 821d 410e 2087 1043 "
        "8821 c410 6208"
    )
    assert [f"{s:04x}" for s in states_after(0xACE1, 16, DEFAULT_TAPS[16], 24)] == page.split()
    # Section 2.
    assert pack_word(PAPER_4B, 0xACE1, 5, [-8, 7, -1]) == 0xF785ACE1
    assert decode_block(FIGURE_3, pack_word(FIGURE_3, 4, 2, [3, -2])) == ([-8, 0, 3, 4], [-32, 0, 12, 16])
    assert (PAPER_4B.word_bits, PAPER_3B.word_bits) == (32, 36)
    # Section 3: Python's float arithmetic is the two roundings that the page asks for.
    draw = Draw("roundings")
    for _ in range(2000):
        integer, bits = draw.between(-(2**52), 2**52), draw.between(0x20000000, 0x4F000000)
        scale = binary32(bits)
        assert Fraction(binary32(real_weight_bits(integer, scale))) == round_twice(integer, scale)
    for code in (PAPER_4B, PAPER_3B, Code(8, 8, 4, 5, 16, (0, 1, 3, 12))):
        check_scale(code, largest_scale_bits(code))
        must_refuse("scale", ["too large"], lambda code=code: check_scale(code, largest_scale_bits(code) + 1))
    # Section 4.
    assert sum_bits(PAPER_4B, 4096, 8) == 55
    for bits in range(0x10000):
        if bits >> 10 & 31 != 31:
            sign, significand, exponent = read_binary16(bits)
            value = significand * 2.0 ** (exponent - 24) * (-1) ** sign
            assert struct.unpack("<e", struct.pack("<H", bits))[0] == value
            assert significand < 2**11 and exponent <= 29

    # The files, read back: good and odd decode to what they say, bad is refused for the stated reason.
    def cases(name: str) -> list[dict]:
        return json.loads(files[name])["cases"]

    for folder in ("good", "odd"):
        for case in cases(f"{folder}/registers.json"):
            assert is_maximal(case["length"], case["taps"]), case["name"]
        for kind in ("words", "matrices", "products", "streams"):
            for case in cases(f"{folder}/{kind}.json"):
                code_of(case).check()
        for case in cases(f"{folder}/matrices.json"):
            m, weights = matrix_of(case), case["weights_bits"]
            assert m.integers() == case["integers"], case["name"]
            for row, bits in zip(m.integers(), weights, strict=True):
                for integer, w in zip(row, bits.split(), strict=True):
                    exact = round_twice(integer, binary32(m.scale_bits))
                    assert Fraction(binary32(int(w, 16))) == exact and abs(integer) <= m.code.largest_integer
        for case in cases(f"{folder}/containers.json"):
            read_container(files[f"{folder}/containers/{case['file']}"])
    for case in cases("bad/codes.json"):
        must_refuse(case["name"], case["error_mentions"], lambda case=case: code_of(case).check())
    for case in cases("bad/matrices.json"):
        must_refuse(case["name"], case["error_mentions"], lambda case=case: matrix_of(case).integers())
    for case in cases("bad/products.json"):
        x, bits = case["activations"], case["activation_bits"]
        must_refuse(case["name"], case["error_mentions"], lambda case=case: product(matrix_of(case), x, bits))
    for case in cases("bad/containers.json"):
        file = files[f"bad/containers/{case['file']}"]
        must_refuse(case["name"], case["error_mentions"], lambda file=file: read_container(file))
    chained_cases.self_test(cases)
    rotation_cases.self_test(cases)
    container_version_2_cases.self_test(cases, files)
    container_version_3_cases.self_test(cases, files)
    container_version_4_cases.self_test(cases, files)
    # Any single flipped bit of a container is found.
    for name in ("one-matrix", "version-2-rotated", "version-3-two-layers", "version-4-groups"):
        good = files[f"good/containers/{name}.safetensors"]
        for at in range(len(good)):
            bit = 1 << (at * 5) % 8
            must_refuse(f"byte {at}", [], lambda: read_container(good[:at] + bytes([good[at] ^ bit]) + good[at + 1 :]))


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    files = all_files()
    self_test(files)
    if arguments:
        there = {
            path.relative_to(HERE).as_posix()
            for folder in ("good", "odd", "bad", "open")
            for path in (HERE / folder).rglob("*")
            if path.is_file()
        }
        wrong = [f"{name}: missing" for name in sorted(files.keys() - there)]
        wrong += [f"{name}: made by nobody" for name in sorted(there - files.keys())]
        wrong += [f"{name}: differs" for name in sorted(there & files.keys()) if (HERE / name).read_bytes() != files[name]]
        for line in wrong:
            print(line, file=sys.stderr)
        print(f"{len(files)} files, {len(wrong)} wrong")
        return 1 if wrong else 0
    for name, content in files.items():
        (HERE / name).parent.mkdir(parents=True, exist_ok=True)
        (HERE / name).write_bytes(content)
    print(f"{len(files)} files, {sum(map(len, files.values()))} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
