"""Section 5 of docs/format.md, the container, with what versions 2, 3 and 4 add in sections 9, 12 and 13. See
seedlm_reference.py for what these files are."""

from __future__ import annotations

import json
import math
import re
import struct
import zlib
from dataclasses import dataclass

from chained_reference import ChainedCode, ChainedMatrix, ChainMap
from layers_reference import MOST_LAYERS, LayeredMatrix
from rotation_reference import Rotation
from seedlm_reference import Code, Matrix, Refused, require

DTYPE_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8,
}  # fmt: skip

HEADER_CRC_KEY = "seedlm_header_crc32"
HEADER_CRC_TEXT = re.compile(rb'"seedlm_header_crc32"\s*:\s*"([^"\\]*)"')


def crc32_text(data: bytes) -> str:
    return f"{zlib.crc32(data):08x}"


@dataclass(frozen=True)
class Tensor:
    dtype: str
    shape: tuple[int, ...]
    data: bytes
    # Where its bytes lie among the data of the file that it was read from.
    span: tuple[int, int] | None = None

    @property
    def is_whole(self) -> bool:
        """Not so where the file ends before the tensor does."""
        return self.span is None or len(self.data) == self.span[1] - self.span[0]


@dataclass(frozen=True)
class Container:
    compressed: dict[str, LayeredMatrix]
    kept: dict[str, Tensor]
    document: dict
    metadata: dict


def parse_json(text: str, what: str) -> object:
    def no_twins(pairs: list[tuple[str, object]]) -> dict:
        require(len({key for key, _ in pairs}) == len(pairs), f"{what} has a key twice")
        return dict(pairs)

    def no_constant(name: str) -> None:
        raise Refused(f"{what} holds {name}")

    try:
        return json.loads(text, object_pairs_hook=no_twins, parse_constant=no_constant)
    except ValueError as error:
        raise Refused(f"{what} is not JSON: {error}") from None


def require_keys(value: object, keys: set[str], what: str) -> dict:
    require(isinstance(value, dict), f"{what} is not an object")
    for key in value:
        require(key in keys, f"{what} has the unknown key {key}")
    for key in sorted(keys):
        require(key in value, f"{what} lacks the key {key}")
    return value


def is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def require_measure(value: object, what: str) -> None:
    """What the encoder measured."""
    require(isinstance(value, (int, float)) and not isinstance(value, bool), f"{what} is no number")
    require(0 <= value < math.inf, f"{what} is {value}")


def require_crc(value: object, data: bytes, what: str) -> None:
    require(isinstance(value, str), f"the checksum of {what} is not a string")
    require(value == crc32_text(data), f"the checksum of {what} is {crc32_text(data)}, not {value}")


def read_chained_code(value: object, label: str) -> ChainedCode:
    what = f"the chained code {label}"
    entry = require_keys(value, {"bits_per_weight", "map"}, what)
    masks = require_keys(entry["map"], {"length", "fields"}, f"the map of {what}")
    require(is_count(entry["bits_per_weight"]), f"the bits per weight of {what} are no count")
    require(is_count(masks["length"]), f"the window length of {what} is no count")
    fields = masks["fields"]
    require(isinstance(fields, list) and all(isinstance(f, list) for f in fields), f"the fields of {what} are no lists")
    require(all(is_count(mask) for field in fields for mask in field), f"a mask of {what} is no count")
    return ChainedCode(entry["bits_per_weight"], ChainMap(masks["length"], tuple(map(tuple, fields)))).check()


def read_rotation(value: object, what: str) -> Rotation | None:
    if value is None:
        return None
    entry = require_keys(value, {"sign_seed"}, f"the rotation of {what}")
    require(is_count(entry["sign_seed"]), f"the sign seed of {what} is no count")
    return Rotation(entry["sign_seed"]).check()


def read_code(value: object, label: str, version: int) -> Code | ChainedCode:
    """The keys of a code say which kind it is; one that has keys of both has an unknown one."""
    if isinstance(value, dict) and ("bits_per_weight" in value or "map" in value):
        require(version >= 2, f"code {label} is a chained code, which version {version} does not have")
        return read_chained_code(value, label)
    what = f"code {label}"
    keys = {"block_size", "latent_dimension", "coefficient_bits", "exponent_bits", "lfsr"}
    entry = require_keys(value, keys, what)
    lfsr = require_keys(entry["lfsr"], {"length", "taps"}, f"the register of {what}")
    require(all(is_count(entry[key]) for key in keys - {"lfsr"}), f"a parameter of {what} is no count")
    require(is_count(lfsr["length"]), f"the register length of {what} is no count")
    require(isinstance(lfsr["taps"], list) and all(is_count(t) for t in lfsr["taps"]), f"the taps of {what} are no counts")
    widths = (entry["block_size"], entry["latent_dimension"], entry["coefficient_bits"], entry["exponent_bits"])
    return Code(*widths, lfsr["length"], tuple(lfsr["taps"])).check()


def read_safetensors(file: bytes, may_be_cut: bool = False) -> tuple[bytes, dict[str, str], dict[str, Tensor]]:
    """The header's bytes, its metadata and the tensors; the data must be covered without gaps or overlaps. Of a file that may be
    cut, tensors have the bytes that are there."""
    require(len(file) >= 8, "the file is truncated: it is shorter than 8 bytes")
    (length,) = struct.unpack("<Q", file[:8])
    require(8 + length <= len(file), "the file is truncated: its header is longer than it")
    raw, data = file[8 : 8 + length], file[8 + length :]
    require(raw[:1] == b"{", "broken header: it does not start with a brace")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("broken header: not UTF-8") from None
    header = parse_json(text, "the header")
    require(isinstance(header, dict), "broken header: not an object")
    metadata = header.pop("__metadata__", {})
    require(isinstance(metadata, dict), "broken header: __metadata__ is not an object")
    require(all(isinstance(v, str) for v in metadata.values()), "broken header: a metadata entry is not a string")

    tensors, spans = {}, []
    for name, value in header.items():
        entry = require_keys(value, {"dtype", "shape", "data_offsets"}, f"tensor {name}")
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        require(dtype in DTYPE_BYTES, f"tensor {name} has the unknown dtype {dtype}")
        require(isinstance(shape, list) and all(is_count(n) for n in shape), f"the shape of {name} is broken")
        require(isinstance(offsets, list) and len(offsets) == 2, f"the offsets of {name} are broken")
        require(all(is_count(n) for n in offsets), f"the offsets of {name} are broken")
        begin, end = offsets
        require(begin <= end and (end <= len(data) or may_be_cut), f"the file is truncated: the data of {name} lie outside")
        size = DTYPE_BYTES[dtype]
        for n in shape:
            size *= n
        require(end - begin == size, f"tensor {name} has {end - begin} bytes, its shape says {size}")
        tensors[name] = Tensor(dtype, tuple(shape), data[begin:end], (begin, end))
        spans.append((begin, end))
    at = 0
    for begin, end in sorted(spans):
        require(begin == at, "the data have a gap or an overlap")
        at = end
    require(at == len(data) or (may_be_cut and at > len(data)), "bytes after the last tensor")
    return raw, metadata, tensors


def header_crc_digits(raw: bytes) -> tuple[int, int]:
    """Where in the header the text of its own checksum stands.

    Inside a JSON string every quote is escaped, so the pattern can only match a real key followed by a real string.
    """
    found = list(HEADER_CRC_TEXT.finditer(raw))
    require(len(found) == 1, f"the checksum of the header is missing or not unique ({len(found)} found)")
    return found[0].span(1)


def header_crc(raw: bytes) -> str:
    begin, end = header_crc_digits(raw)
    require(end - begin == 8, "the checksum of the header has not 8 digits")
    return crc32_text(struct.pack("<Q", len(raw)) + raw[:begin] + b"00000000" + raw[end:])


def stored_matrix(code: Code | ChainedCode, rows: int, columns: int, words: bytes, scale: bytes) -> Matrix | ChainedMatrix:
    if isinstance(code, ChainedCode):
        return ChainedMatrix(code, rows, columns, words, struct.unpack(f"<{rows}H", scale))
    (scale_bits,) = struct.unpack("<I", scale)
    return Matrix(code, rows, columns, words, scale_bits)


def layer_names(name: str, number: int) -> tuple[str, str]:
    """The tensors of a layer: its words, and its scale or scales. The base is layer 1."""
    number_text = f"_{number}" if number > 1 else ""
    return f"{name}.seedlm_words{number_text}", f"{name}.seedlm_scale{number_text}"


def read_layer(entry: dict, code: Code | ChainedCode, shape: list[int], words: Tensor, scale: Tensor, names: tuple[str, str]) -> Matrix | ChainedMatrix | None:
    """A layer, checked to its last bit; None where the file ends before it does."""
    rows, columns = shape
    words_name, scale_name = names
    require(words.dtype == "U8" and len(words.shape) == 1, f"{words_name} is not U8 of one dimension")
    dtype, count = ("BF16", rows) if isinstance(code, ChainedCode) else ("F32", 1)
    require(scale.dtype == dtype and scale.shape == (count,), f"{scale_name} is not {dtype} of shape [{count}]")
    if not (words.is_whole and scale.is_whole):
        return None
    require_crc(entry["words_crc32"], words.data, words_name)
    require_crc(entry["scale_crc32"], scale.data, scale_name)
    matrix = stored_matrix(code, rows, columns, words.data, scale.data)
    matrix.integers()  # every seed, the length, the unused bits and the scales
    return matrix


def read_source_shape(value: object, rows: int, columns: int, what: str) -> tuple[int, ...]:
    require(isinstance(value, list) and all(is_count(n) for n in value), f"{what}: the source_shape is broken")
    splits = [(math.prod(value[:axes]), math.prod(value[axes:])) for axes in range(1, len(value) + 1)]
    require((rows, columns) in splits, f"{what}: the source_shape {value} is not {rows} rows of {columns} weights")
    return tuple(value)


def read_scale_group(value: object, rows: int, columns: int, codes: list[Code | ChainedCode], what: str) -> int:
    """How many scale groups a row has."""
    if value is None:
        return 1
    require(is_count(value), f"{what}: the scale_group is no count")
    require(all(isinstance(code, ChainedCode) for code in codes), f"{what}: scale groups belong to the chained codes, and there is a block code")
    require(value > 0, f"{what}: a scale group of 0 columns")
    require(columns % value == 0, f"{what}: scale groups of {value} columns do not divide its {columns} columns")
    return columns // value


def require_sections(sections: list[list[tuple[str, Tensor]]]) -> None:
    """The kept tensors and the bases, then the second layers, and so on."""
    for number in range(1, len(sections)):
        end = max(tensor.span[1] for section in sections[:number] for _, tensor in section)
        for name, tensor in sections[number]:
            require(tensor.span[0] >= end, f"{name} is of layer {number + 1}, and not all of layer {number} lies before it")


def read_container(file: bytes, may_be_cut: bool = False) -> Container:
    """A container; of one that may be cut, each matrix has the layers that are whole, and must have its base."""
    raw, metadata, tensors = read_safetensors(file, may_be_cut)
    require("seedlm" in metadata, "no seedlm document: not a container")
    require(HEADER_CRC_KEY in metadata, "the checksum of the header is missing")
    digits = metadata[HEADER_CRC_KEY]
    computed = header_crc(raw)
    require(digits == computed, f"the checksum of the header is {computed}, not {digits}")

    document = parse_json(metadata["seedlm"], "the seedlm description")
    require(isinstance(document, dict), "the seedlm description is not an object")
    version = document.get("version")
    require(is_count(version), "the version is missing")
    require(version in (1, 2, 3, 4), f"version {version} is not known here")
    require_keys(document, {"version", "generator", "codes", "compressed", "kept"}, "the seedlm description")
    require(isinstance(document["generator"], str), "the generator is not a string")
    for part in ("codes", "compressed", "kept"):
        require(isinstance(document[part], dict), f"{part} is not an object")
    codes = {label: read_code(value, label, version) for label, value in document["codes"].items()}

    accounted: set[str] = set()

    def take(name: str) -> Tensor:
        require(name in tensors, f"tensor {name} is missing")
        require(name not in accounted, f"tensor {name} is accounted for twice")
        accounted.add(name)
        return tensors[name]

    compressed: dict[str, LayeredMatrix] = {}
    sections: list[list[tuple[str, Tensor]]] = [[]]
    layer_keys = {"code", "words_crc32", "scale_crc32", "squared_error"}
    keys = layer_keys | {"shape", "source_dtype", "squared_norm"}
    if version >= 2:
        keys |= {"rotation"}
    if version >= 3:
        keys |= {"source_shape", "layers"}
    if version >= 4:
        keys |= {"scale_group"}
    for name, value in document["compressed"].items():
        what = f"the entry of {name}"
        entry = require_keys(value, keys, what)
        shape = entry["shape"]
        require(isinstance(shape, list) and len(shape) == 2 and all(is_count(n) for n in shape), f"{what}: the shape is broken")
        require(entry["source_dtype"] in ("F32", "F16", "BF16"), f"{what}: the source dtype {entry['source_dtype']} is not known")
        require_measure(entry["squared_norm"], f"{what}: squared_norm")
        further = entry["layers"] if version >= 3 else []
        require(isinstance(further, list), f"{what}: the layers are no list")
        require(len(further) < MOST_LAYERS, f"{what}: {len(further)} layers after the base, more than {MOST_LAYERS - 1}")
        group = entry["scale_group"] if version >= 4 else None
        labels = [layer.get("code") for layer in [entry, *further] if isinstance(layer, dict)]
        groups = read_scale_group(group, *shape, [codes[label] for label in labels if isinstance(label, str) and label in codes], what)
        coded_shape = [shape[0] * groups, shape[1] // groups]
        layers = []
        for number, layer in enumerate([entry, *further], 1):
            of_layer = f"layer {number} of {what}"
            if number > 1:
                require_keys(layer, layer_keys, of_layer)
            require(isinstance(layer["code"], str) and layer["code"] in codes, f"{of_layer}: the code {layer['code']} is not defined")
            require_measure(layer["squared_error"], f"{of_layer}: squared_error")
            names = layer_names(name, number)
            words, scale = map(take, names)
            if len(sections) < number:
                sections.append([])
            sections[number - 1] += zip(names, (words, scale), strict=True)
            layers.append(read_layer(layer, codes[layer["code"]], coded_shape, words, scale, names))
        require(layers[0] is not None, f"the file is truncated: it ends before the base of {name} does")
        whole = layers.index(None) if None in layers else len(layers)
        rotation = read_rotation(entry["rotation"], name) if version >= 2 else None
        source_shape = read_source_shape(entry["source_shape"], *shape, what) if version >= 3 else tuple(shape)
        compressed[name] = LayeredMatrix(tuple(layers[:whole]), rotation, source_shape, groups)

    kept = {}
    for name, value in document["kept"].items():
        entry = require_keys(value, {"crc32"}, f"the entry of {name}")
        require(name not in compressed, f"tensor {name} is compressed and kept")
        kept[name] = take(name)
        require(kept[name].is_whole, f"the file is truncated: it ends before {name} does")
        require_crc(entry["crc32"], kept[name].data, f"tensor {name}")
        sections[0].append((name, kept[name]))
    for name in tensors:
        require(name in accounted, f"tensor {name} is not accounted for")
    require_sections(sections)
    return Container(compressed, kept, document, metadata)


def json_text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def write_safetensors(metadata: dict[str, str], tensors: dict[str, Tensor], text=json_text) -> bytes:
    """A safetensors file, with the header's checksum filled in if the metadata have a place for it."""
    header: dict[str, object] = {"__metadata__": metadata}
    data = b""
    for name, tensor in tensors.items():
        offsets = [len(data), len(data) + len(tensor.data)]
        header[name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": offsets}
        data += tensor.data
    raw = text(header).encode("utf-8")
    raw += b" " * (-len(raw) % 8)
    return seal_header(struct.pack("<Q", len(raw)) + raw + data)


def seal_header(file: bytes) -> bytes:
    """The same file with the right checksum of its header."""
    (length,) = struct.unpack("<Q", file[:8])
    raw = file[8 : 8 + length]
    if HEADER_CRC_KEY.encode() not in raw:
        return file
    begin, end = header_crc_digits(raw)
    return file[:8] + raw[:begin] + header_crc(raw).encode() + raw[end:] + file[8 + length :]
