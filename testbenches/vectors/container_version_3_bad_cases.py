"""Containers of version 3 that must be refused: each is a good one with one change."""

from __future__ import annotations

import copy
import struct
from dataclasses import replace

from chained_cases import good_codes
from container_plan import LAYER, NORM, Layers, Plan, layered_plan, plan
from container_reference import Tensor, crc32_text, json_text
from drawing import Draw
from seedlm_reference import PAPER_4B

WORDS, SCALE = LAYER + ".seedlm_words", LAYER + ".seedlm_scale"
WORDS_2, SCALE_2 = WORDS + "_2", SCALE + "_2"
ROWS, COLUMNS = 5, 29


def entry(p: Plan) -> dict:
    return p.document["compressed"][LAYER]


def second(p: Plan) -> dict:
    return entry(p)["layers"][0]


def moved(name: str, before: str):
    """The tensor `name` lies right before the tensor `before`."""

    def change(p: Plan) -> None:
        order = [n for n in p.tensors if n != name]
        order.insert(order.index(before), name)
        p.tensors = {n: p.tensors[n] for n in order}

    return change


def renamed(old: str, new: str):
    def change(p: Plan) -> None:
        p.tensors = {new if n == old else n: tensor for n, tensor in p.tensors.items()}

    return change


def bad_containers(good: dict[str, tuple[str, Plan]], drawn_layers) -> dict[str, tuple[str, list[str], Plan]]:
    two = ("two bits", good_codes()["k2-K16"])
    kept = {NORM: Tensor("F16", (3,), bytes(range(6)))}
    plans: dict[str, tuple[str, list[str], Plan]] = {}

    def small_plan() -> Plan:
        """Two layers of 290 bits in 37 bytes each, 6 of them unused, whose rows are turned by 3."""
        return layered_plan({LAYER: drawn_layers("container of version 3", [two, two], ROWS, COLUMNS)}, kept)

    def beside_another() -> Plan:
        matrices = {LAYER: drawn_layers("three layers", [two] * 3, 2, 17), "other": drawn_layers("beside them", [two] * 3, 2, 17)}
        return layered_plan(matrices, kept)

    def of_shape(rows: int, columns: int):
        return lambda: layered_plan({LAYER: drawn_layers(f"shape {rows} x {columns}", [two], rows, columns)}, {})

    def edit(name: str, reason: str, mentions: list[str], change, start=small_plan) -> None:
        p = start()
        change(p)
        plans[f"version-3-{name}"] = (reason, mentions, p)

    def nothing(_: Plan) -> None:
        pass

    # What belongs to which version.
    def older(version: int, **more: object):
        def make() -> Plan:
            p = plan({LAYER: ("paper-4b", Draw("older").matrix(PAPER_4B, 2, 9))}, kept, version)
            entry(p).update(more)
            return p

        return make

    layer = {"code": "paper-4b", "words_crc32": "00000000", "scale_crc32": "00000000", "squared_error": 0.5}
    edit("as-version-2", "version 2 has neither layers nor a source_shape", ["source_shape"], lambda p: p.document.update(version=2))
    edit("as-version-4", "version 4 asks for the key \"scale_group\"", ["scale_group"], lambda p: p.document.update(version=4))
    edit("layers-in-version-2", "a layer in version 2", ["layers"], nothing, older(2, layers=[layer]))
    edit("no-layers-in-version-2", "the key itself is unknown in version 2", ["layers"], nothing, older(2, layers=[]))
    edit("source-shape-in-version-2", "a source_shape in version 2", ["source_shape"], nothing, older(2, source_shape=[2, 3, 3]))
    edit("layers-in-version-1", "a layer in version 1", ["layers"], nothing, older(1, layers=[layer]))
    edit("source-shape-in-version-1", "a source_shape in version 1", ["source_shape"], nothing, older(1, source_shape=[2, 9]))
    edit("keys-of-version-2", "only the keys that version 2 has", [], lambda p: p.document.update(version=3), older(2))
    edit("layers-missing", "no key \"layers\"", ["layers"], lambda p: entry(p).pop("layers"), of_shape(2, 9))
    edit("source-shape-missing", "no key \"source_shape\"", ["source_shape"], lambda p: entry(p).pop("source_shape"))
    edit("rotation-missing", "no key \"rotation\", which version 2 asks for and so does version 3", ["rotation"], lambda p: entry(p).pop("rotation"))

    # The shape in the source.
    def shape(name: str, reason: str, value: object, mentions: tuple[str, ...] = ("source_shape",), start=small_plan) -> None:
        edit(f"source-shape-{name}", reason, list(mentions), lambda p: entry(p).update(source_shape=value), start)

    shape("another", "28 columns, not 29", [ROWS, COLUMNS - 1])
    shape("turned", "columns, then rows", [COLUMNS, ROWS])
    shape("split", "as many weights, but no first dimensions are the rows", [2, 12], start=of_shape(4, 6))
    shape("empty", "no dimensions", [], start=of_shape(1, 1))
    shape("without-rows", "all dimensions together are the columns: at least one is rows", [3, 5], start=of_shape(1, 15))
    shape("zero", "a dimension of zero", [ROWS, COLUMNS, 0])
    shape("wraps", "the product is 24 in 64 bits, and is not", [ROWS, 8, 3 + 2**61], start=of_shape(ROWS, 24))
    shape("null", "null", None, ())
    shape("number", "a number", ROWS * COLUMNS, ())
    shape("negative", "negative numbers", [-ROWS, -COLUMNS], ())
    shape("text", "a size is a text", [str(ROWS), COLUMNS], ())

    # The entries of the layers.
    edit("nine-layers", "eight layers after the base", ["8 layers"], nothing,
         lambda: layered_plan({LAYER: drawn_layers("nine layers", [two] * 9, 1, 8)}, kept))  # fmt: skip
    edit("layers-null", "the layers are null", [], lambda p: entry(p).update(layers=None), of_shape(2, 9))
    edit("layers-object", "the layers are an object", [], lambda p: entry(p).update(layers={"2": second(p)}))
    edit("layer-bare", "a layer is the label of its code", [], lambda p: entry(p).update(layers=["two bits"]))
    edit("layer-null", "a layer is null", [], lambda p: entry(p).update(layers=[None]))
    for key in ("code", "words_crc32", "scale_crc32", "squared_error"):
        edit(f"layer-without-{key.replace('_', '-')}", f"a layer has no key \"{key}\"", [key], lambda p, key=key: second(p).pop(key))
    edit("layer-unknown-key", "a key of a layer that the page does not list", ["colour"], lambda p: second(p).update(colour="blue"))
    edit("layer-squared-norm", "a key that only the matrix has", ["squared_norm"], lambda p: second(p).update(squared_norm=1.0))
    edit("layer-rotation", "a rotation of one layer: there is one for all", ["rotation"], lambda p: second(p).update(rotation=None))
    edit("layer-code-missing", "the label of the layer's code is not defined", ["one bit"], lambda p: second(p).update(code="one bit"))
    edit("layer-error-negative", "what is left is negative", ["squared_error"], lambda p: second(p).update(squared_error=-0.5))
    edit("layer-error-text", "what is left is a text", [], lambda p: second(p).update(squared_error="0.5"))

    def key_twice(p: Plan) -> None:
        once, crc = json_text(p.document), f'"words_crc32":"{second(p)["words_crc32"]}"'
        assert once.count(crc) == 1

        def text(header: dict) -> str:
            header = copy.deepcopy(header)
            header["__metadata__"]["seedlm"] = once.replace(crc, f"{crc},{crc}")
            return json_text(header)

        p.text = text

    edit("layer-key-twice", "a key of a layer stands twice", [], key_twice)

    # The tensors of the layers.
    def tensor(name: str, **changes: object):
        def change(p: Plan) -> None:
            p.tensors[name] = replace(p.tensors[name], **changes)

        return change

    def scales(dtype: str, shape: tuple[int, ...], data: bytes):
        def change(p: Plan) -> None:
            p.tensors[SCALE_2] = Tensor(dtype, shape, data)
            second(p)["scale_crc32"] = crc32_text(data)

        return change

    def bits(change_words):
        def change(p: Plan) -> None:
            data = change_words(p.tensors[WORDS_2].data)
            p.tensors[WORDS_2] = Tensor("U8", (len(data),), data)
            second(p)["words_crc32"] = crc32_text(data)

        return change

    def swapped(p: Plan) -> None:
        p.tensors[WORDS], p.tensors[WORDS_2] = p.tensors[WORDS_2], p.tensors[WORDS]

    edit("layer-words-crc-wrong", "the checksum of a layer's words is another", ["checksum", WORDS_2], lambda p: second(p).update(words_crc32="00000000"))
    edit("layer-scales-crc-wrong", "the checksum of a layer's scales is another", ["checksum", SCALE_2], lambda p: second(p).update(scale_crc32="00000000"))
    edit("layer-words-changed", "the words are not what their checksum says", ["checksum", WORDS_2], tensor(WORDS_2, data=bytes(37)))
    edit("layer-scales-changed", "the scales are not what their checksum says", ["checksum", SCALE_2], tensor(SCALE_2, data=b"\x80\x3f" * ROWS))
    edit("layers-swapped", "the base's words in the place of the second layer's, and these in theirs", ["checksum", WORDS], swapped)
    one, half = b"\x80\x3f", struct.pack("<f", 0.5)
    edit("layer-scales-f16", "the scales of a layer are F16", [LAYER, "scale", "BF16"], tensor(SCALE_2, dtype="F16"))
    edit("layer-scale-of-block-code", "one F32 scale, as the block code has it", [LAYER, "scale", "BF16"], scales("F32", (1,), half))
    edit("layer-one-scale-less", "four scales for five rows", [LAYER, "scale"], scales("BF16", (4,), one * 4))
    edit("layer-scales-shape", "the scales have two dimensions", [LAYER, "scale"], tensor(SCALE_2, shape=(ROWS, 1)))
    edit("layer-scale-zero", "the last scale of a layer is zero", ["scale"], scales("BF16", (ROWS,), one * 4 + b"\0\0"))
    edit("layer-scale-nan", "the last scale of a layer is not a number", ["scale"], scales("BF16", (ROWS,), one * 4 + b"\xc0\x7f"))
    edit("layer-words-i8", "the words of a layer are I8", [LAYER, "words", "U8"], tensor(WORDS_2, dtype="I8"))
    edit("layer-one-byte-less", "one byte less than the shape needs", ["words", "37"], bits(lambda data: data[:-1]))
    edit("layer-one-byte-more", "one byte more than the shape needs", ["words", "37"], bits(lambda data: data + b"\0"))
    edit("layer-padding-set", "an unused bit of a layer's last byte is set", ["unused"], bits(lambda data: data[:-1] + bytes([data[-1] | 0x80])))

    def other_code(p: Plan) -> None:
        p.document["codes"]["paper-4b"] = PAPER_4B.as_json()
        second(p)["code"] = "paper-4b"

    edit("layer-of-another-code", "the words and scales of a layer are not those of its code", [LAYER], other_code)
    edit("layer-seed-zero", "a seed of zero in a layer of the block code", ["seed"], nothing,
         lambda: layered_plan({LAYER: seed_zero(drawn_layers("under a seed of zero", [two], 2, 8))}, kept))  # fmt: skip

    # All tensors are accounted for once.
    def also_kept(p: Plan) -> None:
        p.document["kept"][WORDS_2] = {"crc32": second(p)["words_crc32"]}

    stray = Tensor("U8", (1,), b"\x01")
    edit("layer-words-missing", "the words of a layer are not in the file", [WORDS_2], lambda p: p.tensors.pop(WORDS_2))
    edit("layer-scales-missing", "the scales of a layer are not in the file", [SCALE_2], lambda p: p.tensors.pop(SCALE_2))
    edit("layer-not-accounted-for", "a second layer that no entry describes", ["_2"], lambda p: entry(p).update(layers=[]))
    edit("words-not-accounted-for", "words of a third layer, and there are two", [WORDS + "_3"], lambda p: p.tensors.update({WORDS + "_3": stray}))
    edit("layer-also-kept", "the words of a layer are kept, too", [WORDS_2], also_kept)
    edit("base-numbered", "the base's words are called as layer 1", [WORDS], renamed(WORDS, WORDS + "_1"))
    edit("layer-numbered-from-1", "the words of the second layer are called as layer 1", [WORDS_2], renamed(WORDS_2, WORDS + "_1"))
    edit("layer-number-of-two-digits", "layer 02", [WORDS_2], renamed(WORDS_2, WORDS + "_02"))

    # The sections.
    late = ["layer 2", "before"]
    last = ["layer 3", "before"]
    edit("layer-before-its-base", "a second layer lies before the words of its own base", late, moved(WORDS_2, WORDS))
    edit("layer-before-a-base", "a second layer lies before the words of another base", late, moved(WORDS_2, "other.seedlm_words"), beside_another)
    edit("layer-scales-before-a-base", "only the scales of a second layer do", late, moved(SCALE_2, WORDS))
    edit("layer-before-a-kept-tensor", "a kept tensor lies behind a second layer", late, moved(WORDS_2, NORM))
    edit("kept-tensor-last", "a kept tensor lies behind all layers", late, lambda p: p.tensors.update({NORM: p.tensors.pop(NORM)}))
    edit("layers-by-matrix", "all layers of a matrix lie before those of the next", late, by_matrix, beside_another)
    edit("third-layer-before-a-second", "a third layer lies before a second one", last, moved(WORDS + "_3", "other.seedlm_words_2"), beside_another)
    edit("third-layer-before-a-base", "a third layer lies before a base", last, moved(SCALE + "_3", "other.seedlm_scale"), beside_another)
    hollow = Tensor("U8", (0,), b"")

    def hollow_last(p: Plan) -> None:
        p.tensors["hollow"] = hollow
        p.document["kept"]["hollow"] = {"crc32": "00000000"}

    edit("hollow-tensor-last", "a kept tensor without elements lies behind a second layer", late, hollow_last)

    def cut_short(p: Plan) -> None:
        p.tensors.pop(WORDS_2), p.tensors.pop(SCALE_2)

    edit("layer-missing", "both tensors of a layer are missing", ["_2"], cut_short)
    assert not set(plans) & set(good)
    return plans


def by_matrix(p: Plan) -> None:
    order = sorted(p.tensors, key=lambda name: (".seedlm_" in name, name.split(".seedlm_")[0], name[-2:] if name[-2] == "_" else ""))
    p.tensors = {name: p.tensors[name] for name in order}


def seed_zero(stored: Layers) -> Layers:
    m = Draw("a seed of zero").matrix(PAPER_4B, 2, 8)
    return Layers([*stored.layers, ("paper-4b", replace(m, words=m.words[:4] + b"\0\0" + m.words[6:]))])
