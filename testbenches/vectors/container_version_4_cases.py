"""Containers of version 4: what section 13 adds to those of version 3."""

from __future__ import annotations

from chained_cases import good_codes
from container_plan import LAYER, Layers, Plan, layered_plan
from container_reference import Tensor, read_container
from container_version_3_cases import drawn_layers, kept, matrix_text, starts
from drawing import Draw, must_refuse
from layers_reference import joined
from rotation_cases import DEFAULT
from seedlm_reference import PAPER_4B


def grouped_plan(matrices: dict[str, tuple[int, Layers]], kept_tensors: dict[str, Tensor]) -> Plan:
    """A container of version 4; each matrix with how many groups a row has, and its layers of coded rows. 0: one scale for a row."""
    p = layered_plan({name: stored for name, (_, stored) in matrices.items()}, kept_tensors)
    p.document["version"] = 4
    for name, (groups, stored) in matrices.items():
        entry, coded = p.document["compressed"][name], stored.layers[0][1]
        entry["shape"] = [coded.rows // max(groups, 1), coded.columns * max(groups, 1)]
        entry["source_shape"] = stored.source_shape or entry["shape"]
        entry["scale_group"] = coded.columns if groups else None
    return p


def codes() -> tuple[tuple, tuple]:
    good = good_codes()
    return ("two bits", good["k2-K16"]), ("three bits", good["k3-K12"])


def good_containers() -> dict[str, tuple[str, Plan]]:
    two, three = codes()
    rotated = drawn_layers("rotated groups", [three], 6, 7, rotation=DEFAULT)
    layered = drawn_layers("groups in layers", [two, three], 6, 16)
    beside = {
        "a.weight": (0, drawn_layers("no groups", [three], 3, 12)),
        "b.weight": (2, drawn_layers("two groups", [three], 6, 12, source_shape=[3, 4, 6])),
        "c.weight": (4, drawn_layers("four groups", [two, two], 12, 6, rotation=DEFAULT)),
    }
    return {
        "version-4-groups": ("three groups of five columns: each starts in a window of zeros", grouped_plan({LAYER: (3, drawn_layers("groups", [three], 6, 5))}, kept())),
        "version-4-rotated": ("rows of 21 columns are rotated, and cut into groups of 7", grouped_plan({LAYER: (3, rotated)}, kept())),
        "version-4-layers": ("rows of 48 columns are turned by 6, and cut into groups of 16", grouped_plan({LAYER: (3, layered)}, kept())),
        "version-4-beside-others": ("groups of other sizes, and a matrix without", grouped_plan(beside, kept())),
    }


def odd_containers() -> dict[str, tuple[str, Plan]]:
    two, three = codes()
    single = drawn_layers("groups of one column", [three, two], 18, 1, rotation=DEFAULT)
    whole = drawn_layers("a group of the whole row", [three], 3, 11)
    return {
        "version-4-one-column": ("a scale for every weight", grouped_plan({LAYER: (9, single)}, {})),
        "version-4-whole-row": ("a group of the whole row is none: writers do not write it, readers take it", grouped_plan({LAYER: (1, whole)}, {})),
        "version-4-without-need": ("version 2 could have said it: writers do not do this, readers take it", grouped_plan({LAYER: (0, whole)}, {})),
        "version-4-nothing-compressed": ("no matrix at all", grouped_plan({}, kept())),
    }


def bad_containers() -> dict[str, tuple[str, list[str], Plan]]:
    two, three = codes()
    plans: dict[str, tuple[str, list[str], Plan]] = {}

    def small() -> Plan:
        """Three groups of five columns in each of two rows."""
        return grouped_plan({LAYER: (3, drawn_layers("groups of a bad container", [three], 6, 5))}, kept())

    def edit(name: str, reason: str, mentions: list[str], change, start=small) -> None:
        p = start()
        change(p)
        plans[f"version-4-{name}"] = (reason, mentions, p)

    def group(value: object):
        return lambda p: p.document["compressed"][LAYER].update(scale_group=value)

    edit("group-missing", "version 4 asks for the key \"scale_group\"", ["scale_group"], lambda p: p.document["compressed"][LAYER].pop("scale_group"))
    edit("as-version-3", "version 3 has no scale groups", ["scale_group"], lambda p: p.document.update(version=3))
    edit("as-version-5", "version 5", ["version"], lambda p: p.document.update(version=5))
    edit("group-zero", "a group of no columns", [LAYER, "0 columns"], group(0))
    edit("group-negative", "a group of -5 columns", [], group(-5))
    edit("group-text", "a text", [], group("5"))
    edit("group-fraction", "a fraction", [], group(5.5))
    edit("group-does-not-divide", "groups of 4 of 15 columns", [LAYER, "15 columns"], group(4))
    edit("group-larger-than-the-row", "groups of 30 of 15 columns", [LAYER, "15 columns"], group(30))
    edit("group-of-half", "groups of 3 columns: 10 scales would have to be there", [LAYER, "scale"], group(3))
    edit("groups-not-said", "six scales, and no groups: two would have to be there", [LAYER, "scale"], group(None))
    edit("group-in-layer", "a layer has no groups of its own", ["scale_group"], lambda p: p.document["compressed"][LAYER]["layers"][0].update(scale_group=5),
         lambda: grouped_plan({LAYER: (3, drawn_layers("groups of two layers", [three, two], 6, 5))}, {}))  # fmt: skip
    block = Layers([("paper-4b", Draw("a block code in groups").matrix(PAPER_4B, 6, 8))])
    edit("group-of-block-code", "a block code has no scale groups", [LAYER, "block code"], lambda p: None, lambda: grouped_plan({LAYER: (3, block)}, {}))
    over = Layers([*drawn_layers("under a block code in groups", [three], 6, 8).layers, *block.layers])
    edit("group-over-block-code", "a block code in the second layer has none", [LAYER, "block code"], lambda p: None, lambda: grouped_plan({LAYER: (3, over)}, {}))
    return plans


def files() -> tuple[dict[str, bytes], dict[str, tuple[str, list[dict]]]]:
    """The containers, and the vectors that say what is in them."""
    containers, manifests = {}, {}
    for folder, plans in (("good", good_containers()), ("odd", odd_containers())):
        cases = []
        for name, (why, p) in plans.items():
            file = containers[f"{folder}/containers/{name}.safetensors"] = p.file()
            container = read_container(file)
            entries = container.document["compressed"]
            cases.append({
                "name": name,
                "file": f"{name}.safetensors",
                "expected": "ok",
                "why": why,
                "starts": starts(file),
                "compressed": [
                    {"scale_group": entries[matrix]["scale_group"], **matrix_text(matrix, stored)}
                    for matrix, stored in container.compressed.items()
                ],
                "kept": [{"name": n, "dtype": t.dtype, "shape": list(t.shape), "data": t.data.hex()} for n, t in container.kept.items()],
            })  # fmt: skip
        manifests[f"{folder}/containers_version_4.json"] = ("containers of version 4", cases)
    cases = []
    for name, (reason, mentions, p) in bad_containers().items():
        containers[f"bad/containers/{name}.safetensors"] = p.file()
        cases.append({"name": name, "file": f"{name}.safetensors", "expected": "refused", "reason": reason, "error_mentions": mentions})
    manifests["bad/containers_version_4.json"] = ("containers of version 4 that must be refused", cases)
    return containers, manifests


def self_test(cases, files: dict[str, bytes]) -> None:
    for case in cases("bad/containers_version_4.json"):
        file = files[f"bad/containers/{case['file']}"]
        must_refuse(case["name"], case["error_mentions"], lambda file=file: read_container(file))
    assert joined([[1, 2], [3, 4], [5, 6], [7, 8]], 2) == [[1, 2, 3, 4], [5, 6, 7, 8]]
    # A matrix with groups is one of shorter rows: the same words and scales without groups decode to the same weights, cut up.
    stored = read_container(files["good/containers/version-4-groups.safetensors"]).compressed[LAYER]
    assert (stored.rows, stored.columns, stored.groups) == (2, 15, 3)
    assert sum(stored.weights_bits(), []) == sum(stored.base.weights_bits(), [])
    whole = read_container(files["odd/containers/version-4-whole-row.safetensors"]).compressed[LAYER]
    without = read_container(files["odd/containers/version-4-without-need.safetensors"]).compressed[LAYER]
    assert whole == without
