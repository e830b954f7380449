"""Containers of version 2: section 5 with what section 9 adds."""

from __future__ import annotations

import struct
from dataclasses import replace

from case_fields import scale_text, weights_text
from chained_cases import drawn_matrix, good_codes, largest_row_scale
from container_plan import LAYER, NORM, Plan, plan
from container_reference import Tensor, crc32_text, read_container
from drawing import Draw, must_refuse
from rotation_cases import overflowing_matrix
from rotation_reference import Rotation
from seedlm_reference import PAPER_3B, PAPER_4B

DEFAULT = Rotation(0x5EED1E)
CODE = good_codes()["k3-K12"]
LABEL = "three bits"


def kept() -> dict[str, Tensor]:
    return {NORM: Tensor("F16", (3,), bytes(range(6)))}


def small_plan(rotation: Rotation | None = None, version: int = 2) -> Plan:
    """A matrix of 5 x 29: 435 bits in 55 bytes, 5 of them unused."""
    return plan({LAYER: (LABEL, drawn_matrix("container of version 2", CODE, 5, 29), rotation)}, kept(), version)


def good_containers() -> dict[str, tuple[str, Plan]]:
    draw, codes = Draw("version 2"), good_codes()
    block = plan({LAYER: ("paper-4b", draw.matrix(PAPER_4B, 3, 20), DEFAULT)}, kept(), 2)
    mixed = plan(
        {
            "a.weight": ("chained", drawn_matrix("mixed a", codes["k4-K16"], 3, 16), None),
            "b.weight": ("chained", drawn_matrix("mixed b", codes["k4-K16"], 2, 11), DEFAULT),
            "c.weight": ("block", draw.matrix(PAPER_3B, 2, 24), None),
            "d.weight": ("block", draw.matrix(PAPER_3B, 1, 13), Rotation(77)),
        },
        {"bias": Tensor("F32", (2,), bytes(range(8))), "flag": Tensor("U8", (1,), b"\x01")},
        2,
    )
    return {
        "version-2-chained": ("a chained matrix that is not rotated", small_plan()),
        "version-2-rotated": ("a chained matrix of rotated rows", small_plan(DEFAULT)),
        "version-2-block-rotated": ("a block code and rotated rows", block),
        "version-2-mixed": ("both codes, rotated and not, two sign seeds", mixed),
    }


def odd_containers() -> dict[str, tuple[str, Plan]]:
    needless = plan({LAYER: ("paper-4b", Draw("needless").matrix(PAPER_4B, 2, 9), None)}, kept(), 2)
    unused = plan({LAYER: ("paper-4b", Draw("unused chained").matrix(PAPER_4B, 1, 8), None)}, {}, 2)
    unused.document["codes"]["unused"] = CODE.as_json()
    nothing = plan({}, kept(), 2)
    overflow = plan({LAYER: ("x", overflowing_matrix(), DEFAULT)}, {}, 2)
    mislabelled = plan({LAYER: ("paper-4b", drawn_matrix("mislabelled chained", CODE, 1, 3), None)}, {}, 2)
    one = plan({LAYER: ("x", drawn_matrix("one rotated weight", CODE, 1, 1), Rotation(2**24 - 1))}, {}, 2)
    return {
        "version-2-without-need": ("version 1 could have said it: writers do not do this, readers take it", needless),
        "version-2-unused-chained-code": ("a chained code that no matrix uses", unused),
        "version-2-nothing-compressed": ("no matrix at all", nothing),
        "version-2-overflow": ("undone, weights are beyond binary32: they become its largest finite number", overflow),
        "version-2-mislabelled-code": ("a chained code with the label paper-4b: the codes decide", mislabelled),
        "version-2-one-weight": ("one rotated weight, the largest sign seed", one),
    }


def bad_containers() -> dict[str, tuple[str, list[str], Plan]]:
    plans: dict[str, tuple[str, list[str], Plan]] = {}
    words, scale = LAYER + ".seedlm_words", LAYER + ".seedlm_scale"

    def edit(name: str, reason: str, mentions: list[str], change, start=lambda: small_plan(DEFAULT)) -> None:
        p = start()
        change(p)
        plans[f"version-2-{name}"] = (reason, mentions, p)

    def entry(p: Plan) -> dict:
        return p.document["compressed"][LAYER]

    def code(p: Plan) -> dict:
        return p.document["codes"][LABEL]

    def nothing(p: Plan) -> None:
        pass

    def version_1_block(rotation: object):
        def make() -> Plan:
            p = plan({LAYER: ("paper-4b", Draw("version 1 block").matrix(PAPER_4B, 2, 9))}, kept())
            entry(p)["rotation"] = rotation
            return p

        return make

    # What belongs to which version.
    edit("as-version-1", "version 1 has no chained code and no rotation", [], lambda p: p.document.update(version=1))
    edit("chained-in-version-1", "a chained code in version 1", ["chained"], nothing, lambda: small_plan(version=1))
    edit("rotation-in-version-1", "a rotation in version 1", ["rotation"], nothing, version_1_block(DEFAULT.as_json()))
    edit("null-rotation-in-version-1", "the key itself is unknown in version 1", ["rotation"], nothing, version_1_block(None))
    edit("version-5", "version 5", ["version"], lambda p: p.document.update(version=5))

    def unused_chained() -> Plan:
        p = plan({LAYER: ("paper-4b", Draw("unused in 1").matrix(PAPER_4B, 1, 8))}, {})
        p.document["codes"]["unused"] = CODE.as_json()
        return p

    edit("unused-chained-in-version-1", "a chained code in version 1, though no matrix uses it", ["chained"], nothing, unused_chained)

    # The rotation.
    edit("rotation-missing", "no key \"rotation\"", ["rotation"], lambda p: entry(p).pop("rotation"))
    edit("sign-seed-0", "the sign seed is 0", ["sign seed"], lambda p: entry(p).update(rotation={"sign_seed": 0}))
    edit("sign-seed-large", "the sign seed is 2^24", ["sign seed"], lambda p: entry(p).update(rotation={"sign_seed": 2**24}))
    edit("sign-seed-negative", "the sign seed is negative", [], lambda p: entry(p).update(rotation={"sign_seed": -1}))
    edit("sign-seed-missing", "a rotation without a sign seed", ["sign_seed"], lambda p: entry(p).update(rotation={}))
    edit("sign-seed-bare", "the rotation is a number", [], lambda p: entry(p).update(rotation=7))
    edit("rotation-false", "the rotation is false, not null", [], lambda p: entry(p).update(rotation=False))
    edit("rotation-unknown-key", "a key that the page does not list", ["colour"], lambda p: entry(p)["rotation"].update(colour="blue"))

    # The code.
    edit("unknown-key-in-entry", "such a key of a compressed matrix", ["colour"], lambda p: entry(p).update(colour="blue"))
    edit("unknown-key-in-code", "such a key of a code", ["colour"], lambda p: code(p).update(colour="blue"))
    edit("unknown-key-in-map", "such a key of a map", ["colour"], lambda p: code(p)["map"].update(colour="blue"))
    edit("map-missing", "a chained code without a map", ["map"], lambda p: code(p).pop("map"))
    edit("bits-per-weight-missing", "a chained code without its bits per weight", ["bits_per_weight"], lambda p: code(p).pop("bits_per_weight"))
    edit("code-of-both-kinds", "keys of both kinds of code", [], lambda p: code(p).update(PAPER_4B.as_json()))
    edit("code-with-block-size", "one key of the other kind", [], lambda p: code(p).update(block_size=8))
    edit("code-empty", "a code without keys", [], lambda p: p.document["codes"].update({LABEL: {}}))
    edit("bits-per-weight-0", "k is not in 1..8", ["bits per weight"], lambda p: code(p).update(bits_per_weight=0))
    edit("mask-0", "a mask is zero", ["mask"], lambda p: code(p)["map"]["fields"][1].__setitem__(0, 0))
    edit("mask-too-long", "a mask is too long", ["mask"], lambda p: code(p)["map"]["fields"][1].__setitem__(0, 1 << 12))
    edit("mask-hexadecimal", "a mask is a text", [], lambda p: code(p)["map"]["fields"][1].__setitem__(0, "0x12"))
    edit("no-fields", "a map without fields", ["0 fields"], lambda p: code(p)["map"].update(fields=[]))

    # The tensors against the document.
    def tensor(name: str, **changes: object):
        def change(p: Plan) -> None:
            p.tensors[name] = replace(p.tensors[name], **changes)

        return change

    def scales(dtype: str, shape: tuple[int, ...], data: bytes):
        def change(p: Plan) -> None:
            p.tensors[scale] = Tensor(dtype, shape, data)
            entry(p)["scale_crc32"] = crc32_text(data)

        return change

    one, five = struct.pack("<f", 0.5), struct.pack("<5f", *[0.5] * 5)
    edit("scales-f16", "the scales are F16", [LAYER, "scale", "BF16"], tensor(scale, dtype="F16"))
    edit("scales-f32", "the scales are F32", [LAYER, "scale", "BF16"], scales("F32", (5,), five))
    edit("scale-of-block-code", "one F32 scale, as the block code has it", [LAYER, "scale", "BF16"], scales("F32", (1,), one))
    edit("one-scale-for-all", "one BF16 scale for five rows", [LAYER, "scale"], scales("BF16", (1,), b"\x80\x3f"))
    edit("one-scale-less", "four scales for five rows", [LAYER, "scale"], scales("BF16", (4,), b"\x80\x3f" * 4))
    edit("scales-shape", "the scales have two dimensions", [LAYER, "scale"], tensor(scale, shape=(5, 1)))
    edit("scales-missing", "the scales are not in the file", ["seedlm_scale"], lambda p: p.tensors.pop(scale))
    edit("scales-crc-wrong", "the scales' checksum is another", ["checksum"], lambda p: entry(p).update(scale_crc32="00000000"))
    edit("scales-changed", "a scale is not what its checksum says", ["checksum"], tensor(scale, data=b"\x80\x3f" * 5))
    edit("scale-zero", "the last scale is zero", ["scale"], scales("BF16", (5,), b"\x80\x3f" * 4 + b"\0\0"))
    edit("scale-nan", "the last scale is not a number", ["scale"], scales("BF16", (5,), b"\x80\x3f" * 4 + b"\xc0\x7f"))
    too_large = struct.pack("<H", largest_row_scale(CODE) + 1)
    edit("scale-too-large", "the last scale is one step too large", ["scale"], scales("BF16", (5,), b"\x80\x3f" * 4 + too_large))

    def bits(change):
        def apply(p: Plan) -> None:
            data = change(p.tensors[words].data)
            p.tensors[words] = Tensor("U8", (len(data),), data)
            entry(p)["words_crc32"] = crc32_text(data)

        return apply

    edit("words-one-byte-less", "one byte less than the shape needs", ["words", "55"], bits(lambda data: data[:-1]))
    edit("words-one-byte-more", "one byte more than the shape needs", ["words", "55"], bits(lambda data: data + b"\0"))
    edit("words-padding-set", "an unused bit of the last byte is set", ["unused"], bits(lambda data: data[:-1] + bytes([data[-1] | 0x08])))
    edit("block-scales-of-rows", "a block code with a scale for each row", [LAYER, "scale", "F32"], scales("BF16", (3,), b"\x80\x3f" * 3),
         lambda: good_containers()["version-2-block-rotated"][1])  # fmt: skip
    return plans


def files() -> tuple[dict[str, bytes], dict[str, tuple[str, list[dict]]]]:
    """The containers, and the vectors that say what is in them."""
    containers, manifests = {}, {}
    for folder, plans in (("good", good_containers()), ("odd", odd_containers())):
        cases = []
        for name, (why, p) in plans.items():
            file = containers[f"{folder}/containers/{name}.safetensors"] = p.file()
            container = read_container(file)
            matrices = []
            for matrix, stored in container.compressed.items():
                m, rotation = stored.base, stored.rotation
                matrices.append({
                    "name": matrix,
                    "rows": m.rows,
                    "columns": m.columns,
                    "code": m.code.as_json(),
                    "rotation": rotation and rotation.as_json(),
                    "scale_bits": scale_text(m),
                    "integers": m.integers(),
                    "weights_bits": weights_text(stored.weights_bits()),
                })  # fmt: skip
            tensors = [{"name": n, "dtype": t.dtype, "shape": list(t.shape), "data": t.data.hex()} for n, t in container.kept.items()]
            cases.append({"name": name, "file": f"{name}.safetensors", "expected": "ok", "why": why, "compressed": matrices, "kept": tensors})
        manifests[f"{folder}/containers_version_2.json"] = ("containers of version 2", cases)
    cases = []
    for name, (reason, mentions, p) in bad_containers().items():
        containers[f"bad/containers/{name}.safetensors"] = p.file()
        cases.append({"name": name, "file": f"{name}.safetensors", "expected": "refused", "reason": reason, "error_mentions": mentions})
    manifests["bad/containers_version_2.json"] = ("containers of version 2 that must be refused", cases)
    return containers, manifests


def self_test(cases, files: dict[str, bytes]) -> None:
    for case in cases("bad/containers_version_2.json"):
        file = files[f"bad/containers/{case['file']}"]
        must_refuse(case["name"], case["error_mentions"], lambda file=file: read_container(file))
