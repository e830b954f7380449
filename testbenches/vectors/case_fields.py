"""The parts of which the cases of both codes are made."""

from __future__ import annotations

from chained_reference import ChainedMatrix
from drawing import hex32
from seedlm_reference import Matrix, machine_activations, machine_results, product, sum_bits


def scale_text(m: Matrix | ChainedMatrix) -> str | list[str]:
    """Bits of the scale, or of the bfloat16 scale of each row."""
    return [f"{bits:04x}" for bits in m.scale_bits] if isinstance(m, ChainedMatrix) else hex32(m.scale_bits)


def weights_text(rows: list[list[int]]) -> list[str]:
    return [" ".join(map(hex32, row)) for row in rows]


def matrix_fields(m: Matrix | ChainedMatrix) -> dict:
    return {
        "code": m.code.as_json(),
        "rows": m.rows,
        "columns": m.columns,
        "words": m.words.hex(),
        "scale_bits": scale_text(m),
    }


def matrix_case(name: str, why: str, m: Matrix | ChainedMatrix) -> dict:
    weights = weights_text(m.weights_bits())
    return {"name": name, "why": why, **matrix_fields(m), "integers": m.integers(), "weights_bits": weights}


def product_case(name: str, why: str, m: Matrix | ChainedMatrix, x: list[int], bits: int) -> dict:
    return {
        "name": name,
        "why": why,
        **matrix_fields(m),
        "activation_bits": bits,
        "activations": x,
        "sum_bits": sum_bits(m.code, m.columns, bits),
        "results": product(m, x, bits),
    }


def stream_fields(x: list[int], bits: int, y: list[int], lanes: int, tile_rows: int, c: int, words: bytes) -> dict:
    return {
        "lanes": lanes,
        "tile_rows": tile_rows,
        "beat_bits": 512,
        "activation_bits": bits,
        "activations": x,
        "results": y,
        "word_stream": words.hex(),
        "activation_stream": machine_activations(x, bits, c, lanes, tile_rows).hex(),
        "result_stream": machine_results(y, tile_rows).hex(),
    }
