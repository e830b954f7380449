#!/usr/bin/env bash
# Writes the tables of docs/profiles.md: every profile, and shared-out bits beside one code for all, on the embedded model; with --check
# only says whether they still are what the program prints (times aside). About half a minute on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# -gt 1 ] || { [ $# -eq 1 ] && [ "$1" != --check ]; }; then
    echo "usage: docs/profiles.sh [--check]" >&2
    exit 2
fi

cargo build --release --quiet --package seedlm --bin seedlm
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 - "${CARGO_TARGET_DIR:-target}/release/seedlm" "$work" "${1:-}" <<'PYTHON'
import json, pathlib, re, shutil, subprocess, sys, tomllib

program, work, check = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3] == "--check"
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


def compress(name, *options):
    return json.loads(run("compress", model, "-o", work / name, "--json", "--quiet", *options))


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
    (f"`--target-bits {float(bits):.4f}`", "shared", ["--target-bits", bits, "--chain-length", "12"]),
    ("`--target-bits 3.5`", "half", ["--target-bits", "3.5", "--chain-length", "12"]),
    ("`--code chained-3b-k12 --calibrate`", "three-calibrated", ["--code", "chained-3b-k12", *calibrate]),
    (f"`--target-bits {float(bits):.4f} --calibrate`", "shared-calibrated", ["--target-bits", bits, "--chain-length", "12", *calibrate]),
    ("`--target-bits 3.5 --calibrate`", "half-calibrated", ["--target-bits", "3.5", "--chain-length", "12", *calibrate]),
    ("`--code chained-4b-k12 --calibrate`", "four-calibrated", ["--code", "chained-4b-k12", *calibrate]),
]:
    rows.append((title, name, compress(name, *options)))
target_lines = [
    "| options | bits per weight | matrices | squared error | expected error of the products | KL divergence, nats/token |",
    "|---|---:|---|---:|---:|---:|",
]
all_three = None
for (title, name, report), divergence in zip(rows, divergences([name for _, name, _ in rows])):
    codes = {}
    for matrix in report["matrices"]:
        codes[matrix["code"]] = codes.get(matrix["code"], 0) + 1
    codes = ", ".join(f"{count} in `{code}`" for code, count in sorted(codes.items()))
    squared = sum(matrix["squared_error"] for matrix in report["matrices"])
    choice = report.get("choice")
    expected = ""
    if choice and choice["is_weighted"]:
        uniform = sum(matrix["candidates"][1]["squared_error"] for matrix in choice["matrices"])
        expected = f"{choice['squared_error'] / uniform:.3f} of that with `chained-3b-k12` for all"
    target_lines.append(f"| {title} | {report['bits_per_compressed_weight']:.3f} | {codes} | {squared:.1f} | {expected} | {divergence} |")

page = pathlib.Path("docs/profiles.md")
old = page.read_text()


def put(text, name, lines):
    pattern = rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end of {name} -->)"
    new, count = re.subn(pattern, lambda match: match[1] + "\n" + "\n".join(lines) + "\n\n" + match[2], text, flags=re.S)
    if count != 1:
        sys.exit(f"{page}: there must be one place for {name}, and there are {count}")
    return new


new = put(put(old, "profiles", profile_lines), "target bits", target_lines)
# Speed differs from run to run.
timeless = lambda text: re.sub(r"\| [0-9.]+ \| ([a-z0-9A-Z][^|]*\|)$", r"| \1", text, flags=re.M)
if check:
    sys.exit(None if timeless(new) == timeless(old) else "docs/profiles.md is out of date: bash docs/profiles.sh")
page.write_text(new)
PYTHON
