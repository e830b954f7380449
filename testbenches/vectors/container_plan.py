"""Containers before they are written, so that a bad one can be a good one with one change."""

from __future__ import annotations

import dataclasses
import struct

from chained_reference import ChainedMatrix
from container_reference import (
    DTYPE_BYTES, HEADER_CRC_KEY, Tensor, crc32_text, json_text, layer_names, write_safetensors,
)  # fmt: skip
from rotation_reference import Rotation
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


def in_order(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """As seedlm writes them: by the alignment of their dtype, largest first, then by name."""
    return dict(sorted(tensors.items(), key=lambda item: (-DTYPE_BYTES[item[1].dtype], item[0])))


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
    return Plan(document, in_order({**tensors, **kept}), {"format": "pt"})


@dataclasses.dataclass(frozen=True)
class Layers:
    """A matrix of version 3: its layers with the labels of their codes, the base first."""

    layers: list[tuple[str, Matrix | ChainedMatrix]]
    rotation: Rotation | None = None
    source_shape: list[int] | None = None


def layered_plan(matrices: dict[str, Layers], kept: dict[str, Tensor]) -> Plan:
    """A container of version 3, its sections in order."""
    p = plan({name: (*stored.layers[0], stored.rotation) for name, stored in matrices.items()}, kept, 3)
    sections: dict[int, dict[str, Tensor]] = {}
    for name, stored in matrices.items():
        entry = p.document["compressed"][name]
        entry["source_shape"] = stored.source_shape or entry["shape"]
        entry["layers"] = []
        for number, (label, m) in enumerate(stored.layers[1:], 2):
            words_name, scale_name = layer_names(name, number)
            words, scale = Tensor("U8", (len(m.words),), m.words), scale_tensor(m)
            p.document["codes"][label] = m.code.as_json()
            entry["layers"].append({
                "code": label,
                "words_crc32": crc32_text(words.data),
                "scale_crc32": crc32_text(scale.data),
                "squared_error": entry["squared_error"] / 4 ** (number - 1),
            })  # fmt: skip
            sections.setdefault(number, {}).update({words_name: words, scale_name: scale})
    for number in sorted(sections):
        p.tensors.update(in_order(sections[number]))
    return p
