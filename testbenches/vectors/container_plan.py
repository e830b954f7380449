"""Containers before they are written, so that a bad one can be a good one with one change."""

from __future__ import annotations

import dataclasses
import struct

from chained_reference import ChainedMatrix
from container_reference import DTYPE_BYTES, HEADER_CRC_KEY, Tensor, crc32_text, json_text, write_safetensors
from seedlm_reference import Matrix

LAYER = "model.layers.0.mlp.up_proj.weight"
NORM = "model.norm.weight"


@dataclasses.dataclass
class Plan:
    """A container before it is written; a bad one is this with one change."""

    document: dict
    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    text: object = json_text

    def file(self) -> bytes:
        metadata = {**self.metadata, "seedlm": json_text(self.document), HEADER_CRC_KEY: "00000000"}
        return write_safetensors(metadata, self.tensors, self.text)


def scale_tensor(m: Matrix | ChainedMatrix) -> Tensor:
    if isinstance(m, ChainedMatrix):
        return Tensor("BF16", (m.rows,), struct.pack(f"<{m.rows}H", *m.scale_bits))
    return Tensor("F32", (1,), struct.pack("<I", m.scale_bits))


def plan(matrices: dict[str, tuple], kept: dict[str, Tensor], version: int = 1) -> Plan:
    """A container of matrices, each with the label of its code and, in version 2, its rotation."""
    codes, compressed, tensors = {}, {}, {}
    for name, (label, m, *rotation) in matrices.items():
        scale = scale_tensor(m)
        codes[label] = m.code.as_json()
        compressed[name] = {
            "shape": [m.rows, m.columns],
            "source_dtype": "F32",
            "code": label,
            "words_crc32": crc32_text(m.words),
            "scale_crc32": crc32_text(scale.data),
            "squared_error": 0.0625,
            "squared_norm": 12.5,
        }
        if version >= 2:
            compressed[name]["rotation"] = rotation[0].as_json() if rotation and rotation[0] else None
        tensors[name + ".seedlm_scale"] = scale
        tensors[name + ".seedlm_words"] = Tensor("U8", (len(m.words),), m.words)
    document = {
        "version": version,
        "generator": "seedlm golden vectors",
        "codes": codes,
        "compressed": compressed,
        "kept": {name: {"crc32": crc32_text(tensor.data)} for name, tensor in kept.items()},
    }
    order = sorted({**tensors, **kept}.items(), key=lambda item: (-DTYPE_BYTES[item[1].dtype], item[0]))
    return Plan(document, dict(order), {"format": "pt"})
