"""Cases of the rotation, section 9."""

from __future__ import annotations

import math
from fractions import Fraction

from case_fields import matrix_case, weights_text
from chained_cases import SMALLEST, drawn_matrix, good_codes
from chained_reference import ChainedMatrix
from drawing import Draw, hex32, must_refuse
from rotation_reference import (
    Rotation, binary64, binary64_bits, hadamard_factor, quantised, rotated_activations_bits, rounded_bits, undone_weights_bits,
)  # fmt: skip
from seedlm_reference import PAPER_3B, PAPER_4B, Matrix, binary32, pack_stream, round_to_bits

DEFAULT = Rotation(0x5EED1E)


def numbers(values: list[float]) -> list[str]:
    """Bits of binary64 numbers, eight to a line."""
    bits = [f"{binary64_bits(value):016x}" for value in values]
    return [" ".join(bits[at : at + 8]) for at in range(0, len(bits), 8)]


def drawn_vector(name: str, length: int) -> list[float]:
    """Full significands, and sizes that differ by up to 2^20, so that every rounding matters."""
    draw = Draw(f"vector {name}")
    vector = []
    for _ in range(length):
        significand, exponent, sign = draw.between(2**52, 2**53 - 1), draw.between(-70, -50), draw.below(2)
        vector.append(significand * 2.0**exponent * (-1) ** sign)
    return vector


def rotation_case(name: str, why: str, rotation: Rotation, vector: list[float]) -> dict:
    signs = ["-" if sign < 0 else "+" for sign in rotation.signs(len(vector))]
    return {
        "name": name,
        "why": why,
        "sign_seed": rotation.sign_seed,
        "length": len(vector),
        "signs": "".join(signs),
        "vector": numbers(vector),
        "applied": numbers(rotation.apply(vector)),
        "undone": numbers(rotation.undo(vector)),
    }


def good_rotations() -> list[dict]:
    cases = [rotation_case("page-example", "the worked example of section 9", Rotation(1), [1.0, 0.0, 0.0])]
    for length in (1, 2, 3, 5, 8, 12, 100, 384):
        name = f"length-{length}"
        cases.append(rotation_case(name, "drawn numbers, the usual sign seed", DEFAULT, drawn_vector(name, length)))
    return cases


def odd_rotations() -> list[dict]:
    cases = []
    for seed in (1, 2**23, 2**24 - 1):
        for length in (4, 7, 32):
            name = f"seed-{seed:x}-length-{length}"
            cases.append(rotation_case(name, "a sign seed with few or all bits set", Rotation(seed), drawn_vector(name, length)))
    mixed = [0.0, -0.0, 0.0, 0.0, -0.0, -0.0]
    cases.append(rotation_case("zeros", "zeros of both signs: IEEE 754 gives the signs of the results", DEFAULT, mixed))
    tiny = [2.0**-1074 * n for n in (1, -3, 5, 0, 2)]
    cases.append(rotation_case("subnormal", "subnormal numbers are kept", DEFAULT, tiny))
    large = [binary32(0x7F7FFFFF) * sign for sign in (1, -1, 1, 1, -1)]
    cases.append(rotation_case("largest-binary32", "the largest binary32 numbers", DEFAULT, large))
    spike = [0.0] * 63 + [1.0]
    cases.append(rotation_case("spike", "one weight among zeros", DEFAULT, spike))
    return cases


def bad_rotations() -> list[dict]:
    return [
        {"name": f"sign-seed-{seed:x}", "reason": "the sign seed is not in 1..2^24 - 1", "error_mentions": ["sign seed"], "sign_seed": seed}
        for seed in (0, 2**24, 2**32 - 1)
    ]


def rotated_matrix_case(name: str, why: str, m: Matrix | ChainedMatrix, rotation: Rotation) -> dict:
    """`weights_bits` is what is stored, `undone_bits` what the weights are."""
    undone = weights_text(undone_weights_bits(rotation, m.weights_bits()))
    return {**matrix_case(name, why, m), "sign_seed": rotation.sign_seed, "undone_bits": undone}


def overflowing_matrix() -> ChainedMatrix:
    """All weights are the largest that a legal scale gives, and undone they add up to more than binary32 holds."""
    return ChainedMatrix(SMALLEST, 1, 8, pack_stream([1] * 8, 1), (0x7EFF,))


def rotated_matrices() -> list[dict]:
    cases = []
    for label, columns in (("k4-K16", 16), ("k3-K16", 21), ("k2-K12", 7)):
        name = f"chained-{label}-{columns}"
        cases.append(rotated_matrix_case(name, "drawn bits", drawn_matrix(name, good_codes()[label], 3, columns), DEFAULT))
    for label, code in (("paper-4b", PAPER_4B), ("paper-3b", PAPER_3B)):
        name = f"block-{label}"
        why = "the weights of section 3, rounded to binary32, are what is undone"
        cases.append(rotated_matrix_case(name, why, Draw(name).matrix(code, 2, 2 * code.block_size + 3), Rotation(0xBEEF)))
    zeros = Matrix(PAPER_4B, 1, 6, pack_stream([1], 32), 0x38000000)
    cases.append(rotated_matrix_case("zeros", "a row of zeros: some of them come back as -0", zeros, DEFAULT))
    why = "what is beyond binary32 becomes its largest finite number"
    cases.append(rotated_matrix_case("overflow", why, overflowing_matrix(), DEFAULT))
    return cases


def rotated_activations() -> list[dict]:
    cases = []
    for length, width in ((8, 8), (11, 16), (100, 8), (5, 4)):
        name = f"length-{length}-a{width}"
        values = [rounded_bits(value) for value in drawn_vector(f"activations {name}", length)]
        rotated = rotated_activations_bits(DEFAULT, values)
        scale, integers = quantised(rotated, width)
        cases.append({
            "name": name,
            "why": "rotated, rounded to binary32, then quantised",
            "sign_seed": DEFAULT.sign_seed,
            "activation_bits": width,
            "values_bits": weights_text([values]),
            "rotated_bits": weights_text([rotated]),
            "scale_bits": hex32(scale),
            "activations": integers,
        })  # fmt: skip
    return cases


def files() -> dict[str, tuple[str, list[dict]]]:
    return {
        "good/rotations.json": ("vectors rotated, and rotated back", good_rotations()),
        "odd/rotations.json": ("rotations at the ends of what is legal", odd_rotations()),
        "bad/rotations.json": ("rotations that must be refused", bad_rotations()),
        "good/rotated_matrices.json": ("matrices of rotated rows, and their weights", rotated_matrices()),
        "good/rotated_activations.json": ("activations for matrices of rotated rows", rotated_activations()),
    }


def self_test(cases) -> None:
    # The page: its example, its factor, its signs.
    r = hadamard_factor(2)
    assert binary64_bits(r) == 0x3FE6A09E667F3BCC
    assert Rotation(1).signs(3) == [-1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    assert Rotation(1).apply([1.0, 0.0, 0.0]) == [-r, -(r * r), -(r * r)]
    assert [hadamard_factor(4**n) for n in range(4)] == [1.0, 0.5, 0.25, 0.125]
    assert hadamard_factor(32) == r / 4
    # Undone is inverse, and lengths are kept, up to rounding.
    for length in range(1, 40):
        v = drawn_vector(f"inverse {length}", length)
        rotated = DEFAULT.apply(v)
        size = math.sqrt(sum(x * x for x in v))
        assert all(abs(a - b) <= 1e-13 * size for a, b in zip(v, DEFAULT.undo(rotated), strict=True))
        assert abs(math.sqrt(sum(x * x for x in rotated)) - size) <= 1e-13 * size
    # The quotient of `quantised` is rounded as one division in binary32 would be.
    draw = Draw("quotients")
    for _ in range(2000):
        a, b = (binary32(draw.between(0x3F000000, 0x40000000)) for _ in range(2))
        assert Fraction(binary32(rounded_bits(a / b))) == round_to_bits(Fraction(a) / Fraction(b), 24)
    overflow = undone_weights_bits(DEFAULT, overflowing_matrix().weights_bits())[0]
    assert 0x7F7FFFFF in [bits & 0x7FFFFFFF for bits in overflow]
    zeros = next(case for case in cases("good/rotated_matrices.json") if case["name"] == "zeros")
    assert {"00000000", "80000000"} == set(zeros["undone_bits"][0].split())
    # The files, read back.
    for folder in ("good", "odd"):
        for case in cases(f"{folder}/rotations.json"):
            vector = [binary64(int(bits, 16)) for line in case["vector"] for bits in line.split()]
            assert len(vector) == case["length"] and numbers(Rotation(case["sign_seed"]).apply(vector)) == case["applied"]
    for case in cases("bad/rotations.json"):
        must_refuse(case["name"], case["error_mentions"], lambda case=case: Rotation(case["sign_seed"]).check())
