"""Cases of the chained code, section 8. All but those of good/chained_presets.json carry their own masks."""

from __future__ import annotations

from dataclasses import replace

from case_fields import matrix_case, matrix_fields, product_case, stream_fields
from chained_reference import (
    ChainedCode, ChainedMatrix, ChainMap, check_row_scale, presets, standard_maps, window_by_position,
)  # fmt: skip
from drawing import Draw, must_refuse
from seedlm_reference import DEFAULT_TAPS, Refused, machine_results, machine_words, pack_stream, product, states_after

PAGE_EXAMPLE = ChainedCode(2, ChainMap(4, ((0b1000, 0b0011), (0b1001,))))
SMALLEST = ChainedCode(1, ChainMap(2, ((0b10,),)))


def drawn_map(name: str, length: int, widths: list[int]) -> ChainMap:
    draw = Draw(f"map {name}")
    fields = [[draw.between(1, 2**length - 1) for _ in range(width)] for width in widths]
    fields[-1][-1] |= 1 << (length - 1)
    return ChainMap(length, tuple(map(tuple, fields))).check()


def like_the_standard(length: int) -> ChainMap:
    """Three fields of four bits, as the standard maps have: the four newest bits as they are, then XORs."""
    first = tuple(1 << bit for bit in range(length - 4, length))
    return ChainMap(length, (first, *drawn_map(f"like the standard {length}", length, [4, 4]).fields)).check()


def lfsr_map(length: int, jump: int, widths: list[int]) -> ChainMap:
    """The fields of a register that runs on; `jump` bits are skipped. Which seed bits a later bit depends on is seen by
    running the register from each seed of one bit."""
    count = length + jump + sum(widths)
    sequences = []
    for bit in range(length):
        states = states_after(1 << bit, length, DEFAULT_TAPS[length], count)
        sequences.append([1 << bit >> n & 1 for n in range(length)] + [state >> (length - 1) for state in states])
    masks = [sum(sequence[n] << bit for bit, sequence in enumerate(sequences)) for n in range(count)]
    fields, at = [], length + jump
    for width in widths:
        fields.append(tuple(masks[at : at + width]))
        at += width
    return ChainMap(length, tuple(fields)).check()


def good_codes() -> dict[str, ChainedCode]:
    codes = {}
    for length in (16, 12):
        for k in (4, 3, 2):
            codes[f"k{k}-K{length}"] = ChainedCode(k, like_the_standard(length))
    return codes


def odd_codes() -> dict[str, ChainedCode]:
    return {
        "smallest": SMALLEST,
        "page-example": PAGE_EXAMPLE,
        "k1-K24": ChainedCode(1, drawn_map("k1-K24", 24, [3, 2])),
        "k5-K9": ChainedCode(5, drawn_map("k5-K9", 9, [4, 3, 1])),
        "k6-K7": ChainedCode(6, drawn_map("k6-K7", 7, [5])),
        "k7-K13": ChainedCode(7, drawn_map("k7-K13", 13, [1] * 8)),
        "k8-K24": ChainedCode(8, drawn_map("k8-K24", 24, [8] * 8)),
        "k8-K9": ChainedCode(8, drawn_map("k8-K9", 9, [8, 2])),
    }


def drawn_matrix(name: str, code: ChainedCode, rows: int, columns: int, scales: tuple[int, ...] | None = None) -> ChainedMatrix:
    draw, k = Draw(name), code.bits_per_weight
    words = pack_stream([draw.below(2**k) for _ in range(rows * columns)], k)
    return ChainedMatrix(code, rows, columns, words, scales or tuple(draw.between(0x3600, 0x3E00) for _ in range(rows)))


def largest_row_scale(code: ChainedCode) -> int:
    """The largest legal scale, found by counting down: bit patterns of positive numbers are in order."""
    bits = 0x7F7F
    while True:
        try:
            check_row_scale(code, bits)
        except Refused:
            bits -= 1
        else:
            return bits


# --------------------------------------------------------------------------------------------------------------------
# Cases


def map_case(name: str, why: str, chain: ChainMap, windows: list[int], **more: object) -> dict:
    return {
        "name": name,
        "why": why,
        "map": chain.as_json(),
        **more,
        "largest_integer": chain.largest_integer,
        "windows": windows,
        "field_values": [chain.field_values(window) for window in windows],
        "integers": [chain.integer(window) for window in windows],
    }


def map_windows(name: str, length: int) -> list[int]:
    """No bits, all bits, the oldest and the newest, and some that are drawn."""
    draw = Draw(f"windows {name}")
    return [0, 2**length - 1, 1, 1 << (length - 1), *(draw.below(2**length) for _ in range(8))]


def good_maps() -> list[dict]:
    cases = [map_case("page-example", "the worked example of section 8", PAGE_EXAMPLE.map, [0b0100, 0b1001, 0b1110])]
    for length in (16, 12):
        name, chain = f"like-standard-{length}", like_the_standard(length)
        cases.append(map_case(name, "three fields of four bits, as the standard maps have", chain, map_windows(name, length)))
    for length, jump, widths in ((16, 0, [4, 4, 4]), (16, 5, [3, 1, 8]), (24, 100, [6, 6]), (5, 2, [2, 2])):
        name = f"lfsr-{length}-jump-{jump}"
        lfsr = {"length": length, "taps": DEFAULT_TAPS[length], "jump": jump, "field_bits": widths}
        why = "a register that runs on: an LFSR jump of section 8"
        cases.append(map_case(name, why, lfsr_map(length, jump, widths), map_windows(name, length), lfsr=lfsr))
    return cases


def odd_maps() -> list[dict]:
    cases = [
        map_case(name, "the map of an odd code", code.map, map_windows(name, code.map.length))
        for name, code in odd_codes().items()
    ]
    twice = ChainMap(4, ((0b1000, 0b1000, 0b0110), (0b1000,)))
    cases.append(map_case("equal-masks", "masks may be equal, in a field and in two", twice, list(range(16))))
    cases.append(map_case("whole-window", "every window of 3 bits", ChainMap(3, ((0b101, 0b011),)), list(range(8))))
    return cases


def word_case(name: str, why: str, code: ChainedCode, history: int, word: int) -> dict:
    k = code.bits_per_weight
    stored = [word >> (j * k) & (2**k - 1) for j in range(code.word_weights)]
    windows = code.windows(stored, history << k)
    return {
        "name": name,
        "why": why,
        "code": code.as_json(),
        "word_bits": code.word_bits,
        "history_bits": code.map.length - k,
        "history": f"{history:x}",
        "word": f"{word:x}",
        "windows": " ".join(f"{window:x}" for window in windows),
        "integers": [code.map.integer(window) for window in windows],
    }


def word_cases(codes: dict[str, ChainedCode]) -> list[dict]:
    """History: the K-k bits of the row that were stored before the word, the newest in the most significant place."""
    cases = []
    for name, code in codes.items():
        draw, bits = Draw(f"words {name}"), code.map.length - code.bits_per_weight
        all_ones = 2**code.word_bits - 1
        cases += [
            word_case(f"{name}-zeros", "a word of zero bits at the start of a row", code, 0, 0),
            word_case(f"{name}-ones", "set bits everywhere", code, 2**bits - 1, all_ones),
            word_case(f"{name}-first", "the first word of a row", code, 0, draw.below(all_ones + 1)),
            word_case(f"{name}-drawn", "drawn history and word", code, draw.below(2**bits), draw.below(all_ones + 1)),
        ]
    return cases


def good_matrices() -> list[dict]:
    cases = []
    for label, code in good_codes().items():
        for rows, words in ((1, 1), (3, 2)):
            name = f"{label}-{rows}x{words * code.word_weights}"
            why = "whole words of the machine, drawn bits"
            cases.append(matrix_case(name, why, drawn_matrix(name, code, rows, words * code.word_weights)))
    return cases


def odd_matrices() -> list[dict]:
    cases = []

    def add(name: str, why: str, code: ChainedCode, rows: int, columns: int, scales: tuple[int, ...] | None = None) -> None:
        cases.append(matrix_case(name, why, drawn_matrix(name, code, rows, columns, scales)))

    for label, code in good_codes().items():
        add(f"{label}-partial", "rows end within a word, and start within a byte", code, 3, code.word_weights + 3)
    code = good_codes()["k3-K16"]
    add("one-column", "one column: each row starts within a byte", code, 5, 1)
    add("no-rows", "no rows: no bytes, no scales", code, 0, 7)
    add("no-columns", "no columns: no bytes, but scales", code, 2, 0)
    add("smallest-scale", "scale 2^-126, the smallest normal number", code, 2, 5, (0x0080, 0x0081))
    add("largest-scale", "the largest legal scale, and the one below", code, 2, 5, (largest_row_scale(code), largest_row_scale(code) - 1))
    add("scales-far-apart", "each row has its own scale", code, 3, 6, (0x0100, 0x3F80, 0x7A01))
    example = pack_stream([1, 2, 3], 2)
    cases.append(matrix_case("page-example", "the worked example of section 8; one weight is +0 elsewhere", ChainedMatrix(PAGE_EXAMPLE, 1, 3, example, (0x3F80,))))
    for label, code in odd_codes().items():
        add(f"code-{label}", "an odd code", code, 2, 11)
    return cases


def good_products() -> list[dict]:
    cases = []
    for (label, code), bits in zip(good_codes().items(), (8, 16, 4, 8, 16, 2), strict=True):
        name = f"{label}-a{bits}"
        m = drawn_matrix(name, code, 3, 2 * code.word_weights + 1)
        x = Draw(name + " x").activations(m.columns, bits)
        cases.append(product_case(name, "drawn activations of the stated width", m, x, bits))
    return cases


def odd_products() -> list[dict]:
    cases = []
    for label, code in odd_codes().items():
        name = f"{label}-lowest"
        m = drawn_matrix(name, code, 2, 13)
        cases.append(product_case(name, "all activations -128", m, [-128] * 13, 8))
    m = drawn_matrix("no rows product", SMALLEST, 0, 3)
    cases.append(product_case("no-rows", "no rows: no results", m, [1, -1, 1], 8))
    return cases


def stream_case(name: str, why: str, m: ChainedMatrix, lanes: int, tile_rows: int, bits: int) -> dict:
    """The results in the places of rows that pad the last tile are those of stored zeros: -S times the sum of activations."""
    x, c = Draw(name + " x").activations(m.columns, bits), m.code.word_weights
    y = product(m, x, bits)
    words = machine_words(m.word_list(), m.code.word_bits, m.rows, -(-m.columns // c), lanes, tile_rows)
    fields = stream_fields(x, bits, y, lanes, tile_rows, c, words)
    padding = [-m.code.largest_integer * sum(x)] * (-m.rows % tile_rows)
    fields["result_stream"] = machine_results(y + padding, tile_rows).hex()
    return {"name": name, "why": why, **matrix_fields(m), **fields}


def good_streams() -> list[dict]:
    cases, codes = [], good_codes()
    for label in ("k4-K16", "k3-K16", "k2-K12"):
        code = codes[label]
        for lanes, tile_rows, bits, why in (
            (16, 16, 8, "one word per row and step; the last tile is padded"),
            (32, 16, 8, "two neighbouring words per row and step; the last step is padded"),
            (8, 4, 16, "tiles of 4 rows, 16-bit activations"),
        ):
            name = f"{label}-{lanes}-lanes-{tile_rows}-rows-a{bits}"
            m = drawn_matrix(name, code, tile_rows + 2, 4 * code.word_weights + 3)
            cases.append(stream_case(name, why, m, lanes, tile_rows, bits))
    return cases


def odd_streams() -> list[dict]:
    cases = []
    for label, code in odd_codes().items():
        name = f"{label}-6-lanes"
        m = drawn_matrix(name, code, 3, 2 * code.word_weights + 1)
        cases.append(stream_case(name, "an odd code, D = 3, tiles of 2 rows", m, 6, 2, 8))
    code = good_codes()["k4-K16"]
    m = drawn_matrix("exact-fit", code, 16, 4 * code.word_weights)
    cases.append(stream_case("exact-fit", "nothing to pad: whole tiles, whole steps", m, 32, 16, 8))
    m = drawn_matrix("one-weight", code, 1, 1)
    cases.append(stream_case("one-weight", "one weight in a tile of 16 rows", m, 32, 16, 8))
    return cases


def preset_cases() -> list[dict]:
    """The only cases that hold the standard masks; they come from the table of the page."""
    cases = []
    for name, code in presets().items():
        draw = Draw(f"preset {name}")
        history, word = draw.below(2 ** (code.map.length - code.bits_per_weight)), draw.below(2**code.word_bits)
        why = "the preset of this name: the masks of the page's table"
        cases.append(word_case(name, why, code, history, word))
    return cases


def bad_maps() -> list[dict]:
    good = like_the_standard(12)
    cases = []

    def add(name: str, reason: str, mentions: list[str], chain: ChainMap) -> None:
        cases.append({"name": name, "reason": reason, "error_mentions": mentions, "map": chain.as_json()})

    one = ((0b1,),)
    add("length-0", "K is not in 2..24", ["window"], ChainMap(0, one))
    add("length-1", "K is not in 2..24", ["window"], ChainMap(1, one))
    add("length-25", "K is not in 2..24", ["window"], ChainMap(25, ((1 << 24,),)))
    add("no-fields", "F is not in 1..8", ["0 fields"], ChainMap(12, ()))
    add("nine-fields", "F is not in 1..8", ["9 fields"], ChainMap(12, ((1 << 11,),) * 9))
    add("field-of-0-bits", "a field has no bits", ["field", "0 bits"], replace(good, fields=good.fields + ((),)))
    add("field-of-9-bits", "a field has nine bits", ["field", "9 bits"], replace(good, fields=good.fields + ((1,) * 9,)))
    add("mask-0", "a mask names no bit", ["mask"], replace(good, fields=good.fields + ((1, 0),)))
    add("mask-too-long", "a mask names bit 12 of a window of 12 bits", ["mask"], replace(good, fields=good.fields + ((1 << 12,),)))
    add("mask-too-long-and-newest", "a mask names bits 11 and 12", ["mask"], ChainMap(12, ((3 << 11,),)))
    add("newest-bit-unused", "no mask names bit K-1: the newest bit would do nothing", ["no mask"], ChainMap(12, ((0x400, 0x3FF),)))
    return cases


def bad_codes() -> list[dict]:
    def case(name: str, reason: str, k: int, chain: ChainMap) -> dict:
        code = ChainedCode(k, chain).as_json()
        return {"name": name, "reason": reason, "error_mentions": ["bits per weight"], "code": code}

    return [
        case("k-0", "k is not in 1..8", 0, like_the_standard(16)),
        case("k-9", "k is not in 1..8", 9, like_the_standard(16)),
        case("k-is-K", "k is not less than K", 4, PAGE_EXAMPLE.map),
        case("k-over-K", "k is not less than K", 3, SMALLEST.map),
    ]


def bad_matrices() -> list[dict]:
    code = good_codes()["k3-K12"]
    m = drawn_matrix("bad chained", code, 3, 5)  # 45 bits in 6 bytes
    cases = []

    def add(name: str, reason: str, mentions: list[str], **changes: object) -> None:
        fields = matrix_fields(replace(m, **changes))
        cases.append({"name": name, "reason": reason, "error_mentions": mentions, **fields})

    add("one-byte-less", "the byte string is one byte short", ["byte"], words=m.words[:-1])
    add("one-byte-more", "the byte string is one byte long", ["byte"], words=m.words + b"\0")
    add("rows-in-whole-bytes", "each row fills its last byte up: rows have no gaps", ["byte"], words=b"\0" * 9 + m.words[:-3])
    add("words-of-the-machine", "rows of whole words: stored rows know nothing of words", ["byte"], words=bytes(14))
    for bit in (5, 7):
        add(f"padding-bit-{bit}", "an unused bit of the last byte is set", ["unused"], words=m.words[:-1] + bytes([m.words[-1] | 1 << bit]))
    add("one-scale-less", "two scales for three rows", ["scales"], scale_bits=m.scale_bits[:-1])
    add("one-scale-more", "four scales for three rows", ["scales"], scale_bits=m.scale_bits + (0x3F80,))
    add("one-scale", "one scale, as the block code has it", ["scales"], scale_bits=(0x3F80,))
    add("bytes-for-no-rows", "one byte, but there are no rows", ["byte"], rows=0, words=b"\0", scale_bits=())
    largest = largest_row_scale(code)
    for name, reason, bits in (
        ("zero", "a scale is zero", 0x0000),
        ("minus-zero", "a scale is minus zero", 0x8000),
        ("negative", "a scale is negative", 0xBF80),
        ("nan", "a scale is not a number", 0x7FC0),
        ("infinite", "a scale is infinite", 0x7F80),
        ("smallest-subnormal", "a scale is subnormal", 0x0001),
        ("largest-subnormal", "a scale is subnormal", 0x007F),
        ("too-large", "a scale is one step above the largest legal one", largest + 1),
        ("far-too-large", "a scale is the largest finite number", 0x7F7F),
    ):
        add(f"scale-{name}", f"{reason}, in the last row", ["scale"], scale_bits=(*m.scale_bits[:-1], bits))
    return cases


def bad_products() -> list[dict]:
    m = drawn_matrix("bad chained product", good_codes()["k4-K16"], 2, 11)
    cases = []
    for name, reason, count in (
        ("one-activation-less", "10 activations for 11 columns", 10),
        ("one-activation-more", "12 activations for 11 columns", 12),
        ("padded-activations", "the places of a word beyond the row are no columns", 16),
    ):
        fields = {**matrix_fields(m), "activation_bits": 8, "activations": [1] * count}
        cases.append({"name": name, "reason": reason, "error_mentions": ["activations"], **fields})
    return cases


def files() -> dict[str, tuple[str, list[dict]]]:
    return {
        "good/chained_presets.json": ("the presets of the chained code: codes, and a word in each", preset_cases()),
        "good/chained_maps.json": ("maps: the integer weights of windows", good_maps()),
        "good/chained_words.json": ("what a lane is given, and its weights", word_cases(good_codes())),
        "good/chained_matrices.json": ("matrices in the chained code", good_matrices()),
        "good/chained_products.json": ("products of a matrix in the chained code", good_products()),
        "good/chained_streams.json": ("the machine's streams of the chained code", good_streams()),
        "odd/chained_maps.json": ("maps at the ends of what is legal", odd_maps()),
        "odd/chained_words.json": ("what a lane is given, in odd codes", word_cases(odd_codes())),
        "odd/chained_matrices.json": ("chained matrices at the ends of what is legal", odd_matrices()),
        "odd/chained_products.json": ("products in odd chained codes", odd_products()),
        "odd/chained_streams.json": ("streams of odd chained codes and shapes", odd_streams()),
        "bad/chained_maps.json": ("maps that must be refused", bad_maps()),
        "bad/chained_codes.json": ("chained codes that must be refused", bad_codes()),
        "bad/chained_matrices.json": ("chained matrices that must be refused", bad_matrices()),
        "bad/chained_products.json": ("chained products that must be refused", bad_products()),
    }


# --------------------------------------------------------------------------------------------------------------------
# The decoder against itself and against the page


def map_of(fields: dict) -> ChainMap:
    return ChainMap(fields["length"], tuple(map(tuple, fields["fields"])))


def code_of(case: dict) -> ChainedCode:
    return ChainedCode(case["code"]["bits_per_weight"], map_of(case["code"]["map"]))


def matrix_of(case: dict) -> ChainedMatrix:
    scales = tuple(int(bits, 16) for bits in case["scale_bits"])
    return ChainedMatrix(code_of(case), case["rows"], case["columns"], bytes.fromhex(case["words"]), scales)


def self_test(cases) -> None:
    # The worked example, and sizes of the page.
    assert PAGE_EXAMPLE.check().windows([1, 2, 3]) == [0b0100, 0b1001, 0b1110]
    assert [PAGE_EXAMPLE.map.field_values(w) for w in (0b0100, 0b1001, 0b1110)] == [[0, 0], [3, 0], [3, 1]]
    assert PAGE_EXAMPLE.integers([1, 2, 3]) == [-4, 2, 4]
    sizes = {k: (code.word_weights, code.word_bits) for k in range(1, 9) for code in [ChainedCode(k, standard_maps()[16])]}
    assert (sizes[4], sizes[3], sizes[2]) == ((8, 32), (12, 36), (16, 32))
    assert all(weights % 4 == 0 and bits >= 32 for weights, bits in sizes.values())
    assert all(code.largest_integer == 45 for code in presets().values())
    # Both definitions of a window.
    for name, code in (good_codes() | odd_codes() | presets()).items():
        draw = Draw(f"two definitions {name}")
        stored = [draw.below(2**code.bits_per_weight) for _ in range(50)]
        by_position = [window_by_position(code, stored, c) for c in range(len(stored))]
        assert code.check().windows(stored) == by_position, name
    # A register that runs on gives the same fields as its map.
    chain = lfsr_map(16, 5, [3, 1, 8])
    states = states_after(0xACE1, 16, DEFAULT_TAPS[16], 40)
    bits = [state >> 15 for state in states][5:]
    fields = [bits[0] | bits[1] << 1 | bits[2] << 2, bits[3], sum(bit << j for j, bit in enumerate(bits[4:12]))]
    assert chain.field_values(0xACE1) == fields
    # The files, read back.
    for folder in ("good", "odd"):
        for case in cases(f"{folder}/chained_maps.json"):
            chain = map_of(case["map"]).check()
            assert [chain.integer(window) for window in case["windows"]] == case["integers"]
            assert all(abs(integer) <= case["largest_integer"] <= 2040 for integer in case["integers"])
        for kind in ("words", "matrices", "products", "streams"):
            for case in cases(f"{folder}/chained_{kind}.json"):
                code_of(case).check()
        for case in cases(f"{folder}/chained_matrices.json"):
            m = matrix_of(case)
            assert m.integers() == case["integers"], case["name"]
            # Words of the machine, each with the end of the words before it, give the same weights.
            c, k, per_row = m.code.word_weights, m.code.bits_per_weight, -(-m.columns // m.code.word_weights)
            for r, row in enumerate(case["integers"]):
                words = m.word_list()[r * per_row : (r + 1) * per_row]
                stream = sum(word << (n * m.code.word_bits) for n, word in enumerate(words))
                assert m.code.integers([stream >> (n * k) & (2**k - 1) for n in range(c * per_row)])[: m.columns] == row
    for case in cases("bad/chained_maps.json"):
        must_refuse(case["name"], case["error_mentions"], lambda case=case: map_of(case["map"]).check())
    for case in cases("bad/chained_codes.json"):
        must_refuse(case["name"], case["error_mentions"], lambda case=case: code_of(case).check())
    for case in cases("bad/chained_matrices.json"):
        must_refuse(case["name"], case["error_mentions"], lambda case=case: matrix_of(case).integers())
    for case in cases("bad/chained_products.json"):
        must_refuse(case["name"], case["error_mentions"], lambda case=case: product(matrix_of(case), case["activations"], 8))
