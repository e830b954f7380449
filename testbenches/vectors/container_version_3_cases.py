"""Containers of version 3: section 5 with what sections 9 and 12 add. The bad ones are in container_version_3_bad_cases.py."""

from __future__ import annotations

from case_fields import scale_text, weights_text
from chained_cases import SMALLEST, drawn_matrix, good_codes
from chained_reference import ChainedCode, ChainedMatrix
from container_plan import LAYER, NORM, Layers, Plan, layered_plan
from container_reference import Container, Tensor, read_container, read_safetensors
from container_version_3_bad_cases import bad_containers
from drawing import Draw, must_refuse
from layers_reference import LayeredMatrix, summed_row, turn, turned
from rotation_cases import DEFAULT
from seedlm_reference import PAPER_3B, PAPER_4B, Refused, binary32, binary32_bits, pack_stream


def drawn_layers(name: str, codes: list[tuple[str, ChainedCode]], rows: int, columns: int, **more: object) -> Layers:
    """Each layer's scales are an eighth of those below, so every layer changes the sum in its own places."""
    layers = []
    for number, (label, code) in enumerate(codes, 1):
        drawn = f"{name}, layer {number}"
        scales = tuple(Draw(f"scales of {drawn}").between(0x3C00, 0x3E00) - (number - 1) * 0x180 for _ in range(rows))
        layers.append((label, drawn_matrix(drawn, code, rows, columns, scales)))
    return Layers(layers, **more)


def kept() -> dict[str, Tensor]:
    return {NORM: Tensor("F16", (3,), bytes(range(6)))}


def good_containers() -> dict[str, tuple[str, Plan]]:
    codes, draw = good_codes(), Draw("version 3")
    two, three, four = (("two bits", codes["k2-K16"]), ("three bits", codes["k3-K12"]), ("four bits", codes["k4-K16"]))
    plans: dict[str, tuple[str, Plan]] = {}

    def add(name: str, why: str, matrices: dict[str, Layers], kept_tensors: dict[str, Tensor] | None = None) -> None:
        plans[f"version-3-{name}"] = (why, layered_plan(matrices, kept() if kept_tensors is None else kept_tensors))

    add("two-layers", "2 + 2 bits per weight, rows turned by 3 columns", {LAYER: drawn_layers("two layers", [two, two], 3, 24)})
    block = Layers([("paper-3b", draw.matrix(PAPER_3B, 3, 27)), ("two bits", drawn_matrix("over a block code", two[1], 3, 27))])
    over = Layers([("two bits", drawn_matrix("under a block code", two[1], 2, 19)), ("paper-4b", draw.matrix(PAPER_4B, 2, 19))])
    add("both-codes", "a chained code over a block code, and the other way round: each layer has its own code", {"a": block, "b": over})
    rotated = drawn_layers("rotated", [two, two, four], 3, 21, rotation=DEFAULT)
    add("rotated", "three layers of rotated rows: the rotation is undone from the sum", {LAYER: rotated})
    add(
        "one-and-two-layers",
        "a matrix without further layers beside one with one and one with two",
        {
            "a.weight": drawn_layers("one of three", [two], 2, 17),
            "b.weight": drawn_layers("two of three", [two, three], 2, 17, rotation=DEFAULT),
            "c.weight": drawn_layers("three of three", [three, two, two], 2, 16),
        },
        {"bias": Tensor("F32", (2,), bytes(range(8))), "flag": Tensor("U8", (1,), b"\x01")},
    )
    add(
        "convolutions",
        "three and four dimensions in the source; of the last matrix the first two are the rows",
        {
            "a.conv": drawn_layers("four dimensions", [two, two], 4, 27, source_shape=[4, 3, 3, 3]),
            "b.conv": drawn_layers("three dimensions", [two], 2, 15, source_shape=[2, 5, 3]),
            "c.experts": drawn_layers("two are the rows", [three, two], 6, 8, source_shape=[2, 3, 8]),
        },
        {},
    )
    add(
        "few-columns",
        "fewer than 8 columns: no row is turned",
        {"a": drawn_layers("seven columns", [two, two, two], 3, 7), "b": drawn_layers("one column", [two, two], 3, 1)},
    )
    add("odd-columns", "29 columns: rows turned by 3, 6 and 9", {LAYER: drawn_layers("odd columns", [two, three, two, four], 2, 29)})
    return plans


def signs(bits: list[int], scale: int) -> ChainedMatrix:
    """A row of weights that are the scale or less it: the integers of this code are 1 and -1."""
    return ChainedMatrix(SMALLEST, 1, len(bits), pack_stream(bits, 1), (scale,))


def odd_containers() -> dict[str, tuple[str, Plan]]:
    codes = good_codes()
    two = ("two bits", codes["k2-K16"])
    plans: dict[str, tuple[str, Plan]] = {}

    def add(name: str, why: str, p: Plan) -> None:
        plans[f"version-3-{name}"] = (why, p)

    def one(stored: Layers) -> Plan:
        return layered_plan({LAYER: stored}, {})

    def layers_of_signs(*layers: tuple[list[int], int], **more: object) -> Layers:
        return Layers([("x", signs(bits, scale)) for bits, scale in layers], **more)

    add("eight-layers", "as many layers as there may be", one(drawn_layers("eight layers", [two] * 8, 2, 19)))
    add("without-need", "version 2 could have said it: writers do not do this, readers take it", one(drawn_layers("needless", [two], 2, 9)))
    add("nothing-compressed", "no matrix at all", layered_plan({}, kept()))
    largest = 0x7EFF  # just below 2^127: the sum of two is finite, that of three is not
    up_and_down = [1, 1, 0, 0, 1]
    climb = [(up_and_down, largest)] * 3 + [([1 - bit for bit in up_and_down], largest)]
    add("overflow", "of three layers the sum is beyond binary32, and is its largest number; the fourth brings the sum back, which was not cut", one(layers_of_signs(*climb)))
    rotated = layers_of_signs(*[([1] * 8, largest)] * 3, rotation=DEFAULT)
    add("overflow-rotated", "the sum is cut before the rotation is undone, and the weights after it", one(rotated))
    in_order = layers_of_signs(([1, 0, 1, 1], 0x7000), ([1, 1, 0, 1], 0x1000), ([0, 1, 0, 0], 0x7000))
    add("order-of-the-sum", "large + small - large: the small one is lost, and the zero is +0", one(in_order))
    wide = layers_of_signs(([1, 0, 1, 1], 0x3F80), ([1, 1, 0, 1], 0x3080), ([0, 1, 0, 0], 0x3F80))
    add("sum-in-binary64", "1 + 2^-30 - 1: binary64 keeps the small one, sums in binary32 would lose it", one(wide))
    tie = layers_of_signs(([1, 0, 1, 0], 0x3F80), ([1, 0, 0, 1], 0x3380), ([1, 0, 1, 1], 0x2180))
    add("two-roundings", "1 + 2^-24 + 2^-60: the last is lost in binary64, and what is left is a tie of binary32, which goes to 1", one(tie))
    many = {
        "column": drawn_layers("a column", [two], 5, 1, source_shape=[5]),
        "ones": drawn_layers("dimensions of one", [two, two], 5, 9, source_shape=[1, 5, 1, 1, 9, 1]),
        "row": drawn_layers("a row", [two, two], 1, 12, source_shape=[1, 3, 2, 2]),
        "single": drawn_layers("a single weight", [two], 1, 1, source_shape=[1, 1, 1]),
    }
    add("source-shapes", "one dimension, sizes of 1, a single row", layered_plan(many, {}))
    mixed = layered_plan({"a": drawn_layers("mixed a", [two, two], 2, 17), "b": drawn_layers("mixed b", [two, two, two], 2, 17)}, kept())
    mixed.tensors["hollow"] = Tensor("U8", (0, 4), b"")
    mixed.document["kept"]["hollow"] = {"crc32": "00000000"}
    first = [name for name in mixed.tensors if not name.endswith(("_2", "_3"))]
    second = [name for name in mixed.tensors if name.endswith("_2")]
    third = [name for name in mixed.tensors if name.endswith("_3")]
    mixed.tensors = {name: mixed.tensors[name] for name in [*reversed(first), *reversed(second), *third]}
    add("other-order", "another order in each section; a kept tensor without elements", mixed)
    return plans


def start_of(container: Container) -> list[int]:
    return [len(m.layers) for m in container.compressed.values()]


def starts(file: bytes) -> list[list]:
    """For the end of the header, and of each tensor: how many bytes that is, and how many layers of each matrix a reader has
    then; null where it cannot begin."""
    _, _, tensors = read_safetensors(file)
    data = len(file) - max((tensor.span[1] for tensor in tensors.values()), default=0)
    found = []
    for end in sorted({data} | {data + tensor.span[1] for tensor in tensors.values()}):
        try:
            found.append([end, start_of(read_container(file[:end], may_be_cut=True))])
        except Refused:
            found.append([end, None])
    return found


def matrix_text(name: str, stored: LayeredMatrix) -> dict:
    """A matrix and its layers; the integers of a layer are those of its coded rows."""
    layers = []
    for number, m in enumerate(stored.layers, 1):
        layers.append({
            "name": f"layer {number}",
            "code": m.code.as_json(),
            "turn": turn(number, stored.columns),
            "scale_bits": scale_text(m),
            "integers": m.integers(),
            "weights_bits": weights_text(stored.prefix_bits(number)),
        })  # fmt: skip
    return {
        "name": name,
        "rows": stored.rows,
        "columns": stored.columns,
        "source_shape": list(stored.source_shape),
        "rotation": stored.rotation and stored.rotation.as_json(),
        "layers": layers,
    }


def files() -> tuple[dict[str, bytes], dict[str, tuple[str, list[dict]]]]:
    """The containers, and the vectors that say what is in them."""
    containers, manifests = {}, {}
    for folder, plans in (("good", good_containers()), ("odd", odd_containers())):
        cases = []
        for name, (why, p) in plans.items():
            file = containers[f"{folder}/containers/{name}.safetensors"] = p.file()
            container = read_container(file)
            matrices = [matrix_text(matrix, stored) for matrix, stored in container.compressed.items()]
            tensors = [{"name": n, "dtype": t.dtype, "shape": list(t.shape), "data": t.data.hex()} for n, t in container.kept.items()]
            cases.append({
                "name": name,
                "file": f"{name}.safetensors",
                "expected": "ok",
                "why": why,
                "starts": starts(file),
                "compressed": matrices,
                "kept": tensors,
            })  # fmt: skip
        manifests[f"{folder}/containers_version_3.json"] = ("containers of version 3", cases)
    cases = []
    for name, (reason, mentions, p) in bad_containers(good_containers(), drawn_layers).items():
        containers[f"bad/containers/{name}.safetensors"] = p.file()
        cases.append({"name": name, "file": f"{name}.safetensors", "expected": "refused", "reason": reason, "error_mentions": mentions})
    manifests["bad/containers_version_3.json"] = ("containers of version 3 that must be refused", cases)
    return containers, manifests


def self_test(cases, files: dict[str, bytes]) -> None:
    for case in cases("bad/containers_version_3.json"):
        file = files[f"bad/containers/{case['file']}"]
        must_refuse(case["name"], case["error_mentions"], lambda file=file: read_container(file))
    # The page: its example. Turned back is inverse.
    whole, base = [10, 20, 30, 40, 50, 60, 70, 80], [8, 20, 32, 40, 48, 60, 72, 80]
    left = turned([w - b for w, b in zip(whole, base, strict=True)], turn(2, 8))
    assert turn(2, 8) == 1 and left == [0, -2, 0, 2, 0, -2, 0, 2]
    assert [binary32(bits) for bits in summed_row([[binary32_bits(w) for w in row] for row in (base, left)])] == whole
    assert [turn(layer, 29) for layer in range(1, 9)] == [0, 3, 6, 9, 12, 15, 18, 21] and turn(8, 7) == 0

    def prefixes(folder: str, name: str) -> list[list[str]]:
        case = next(case for case in cases(f"{folder}/containers_version_3.json") if case["name"] == f"version-3-{name}")
        return [[bits for row in layer["weights_bits"] for bits in row.split()] for layer in case["compressed"][0]["layers"]]

    # The odd sums are what their names say.
    _, second, third, fourth = prefixes("odd", "overflow")
    assert set(third) == {"7f7fffff", "ff7fffff"} and fourth == second and not set(second) & set(third)
    assert "7f7fffff" in [f"{int(bits, 16) & 0x7FFFFFFF:08x}" for bits in prefixes("odd", "overflow-rotated")[2]]
    assert prefixes("odd", "order-of-the-sum")[2][:2] == ["00000000"] * 2
    assert prefixes("odd", "sum-in-binary64")[2][0] == "30800000"
    assert prefixes("odd", "two-roundings")[2][:2] == ["3f800000", "bf800000"]
    # A file that ends anywhere holds what it holds at the end of the last tensor that is whole, in the same bits.
    for name in ("two-layers", "both-codes"):
        file = files[f"good/containers/version-3-{name}.safetensors"]
        full, held = read_container(file), dict(map(tuple, starts(file)))
        known: list[int] | None = None
        for bytes_there in range(len(file) + 1):
            known = held.get(bytes_there, known)
            if known is None:
                must_refuse(f"{bytes_there} bytes", ["truncated"], lambda: read_container(file[:bytes_there], may_be_cut=True))
                continue
            start = read_container(file[:bytes_there], may_be_cut=True)
            assert start_of(start) == known and start.kept == full.kept
            for matrix, stored in start.compressed.items():
                assert stored.layers == full.compressed[matrix].layers[: len(stored.layers)]
        assert known == start_of(full)
    # A section begins at an odd byte somewhere.
    assert any(end % 2 for case in cases("good/containers_version_3.json") for end, held in case["starts"] if held)
