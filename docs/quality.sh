#!/usr/bin/env bash
# Writes the tables of docs/quality.md and its picture; with --check only says whether they still are what the program prints.
# A model's folder and a text: prints the same tables for those, and writes nothing. Less than two minutes on two cores for the
# embedded model, some half an hour for one of 135 million parameters, whose codes are searched anew.
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/.."

cargo build --release --quiet --package seedlm --bin seedlm
seedlm=${CARGO_TARGET_DIR:-target}/release/seedlm
variants=paper-4b,paper-3b,chained-4b,chained-4b-k12,chained-3b,chained-2b,int4-g128,nf4-g64,q4_0,q4_k
options=(eval --against "$variants" --activations int8,int16,int8-g64 --markdown)

if [ $# -eq 2 ]; then
    case $seedlm in /*) ;; *) seedlm=$PWD/$seedlm ;; esac
    cd "$here"
    exec "$seedlm" "${options[@]}" "$1" --text "$2"
elif [ $# -gt 1 ] || { [ $# -eq 1 ] && [ "$1" != --check ]; }; then
    echo "usage: docs/quality.sh [--check | MODEL_FOLDER TEXT]" >&2
    exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$seedlm" "${options[@]}" --windows 32 --svg "$work/quality.svg" --json="$work/quality.json" --quiet >"$work/quality.txt"

python3 - "$work" "${1:-}" <<'PYTHON'
import json, pathlib, re, sys

work, check = pathlib.Path(sys.argv[1]), sys.argv[2] == "--check"
page, picture = pathlib.Path("docs/quality.md"), pathlib.Path("docs/pictures/quality.svg")
old = page.read_text()
report = json.loads((work / "quality.json").read_text())
variants = {variant["name"]: variant for variant in report["variants"]}
rounding = {(entry["weights_of"], entry["activations"]): entry for entry in report["roundings"]}
divergence = lambda name: variants[name]["divergence"]["mean"]
rise = lambda name: variants[name]["perplexity_rise_percent"]
bars = [
    ("KL divergence of `chained-4b` over that of `paper-4b`", divergence("chained-4b") / divergence("paper-4b"), 0.5),
    ("perplexity rise of `chained-4b` over that of `paper-4b`", rise("chained-4b") / rise("paper-4b"), 0.5),
    ("KL divergence of `chained-3b` over that of `paper-4b`", divergence("chained-3b") / divergence("paper-4b"), 4 / 3),
    ("perplexity rise of `chained-3b` over that of `paper-4b`", rise("chained-3b") / rise("paper-4b"), 4 / 3),
    ("KL divergence that int16 activations add to `chained-4b`, over its own", rounding["chained-4b", "int16"]["share_percent"] / 100, 0.02),
]
lines = ["| bar | measured | at most | met |", "|---|---:|---:|---|"]
lines += [f"| {name} | {value:.4f} | {most:.4f} | {'yes' if value <= most else '**no**'} |" for name, value, most in bars]


def put(text, name, body):
    pattern = rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end of {name} -->)"
    new, count = re.subn(pattern, lambda match: match[1] + "\n" + body.strip() + "\n\n" + match[2], text, flags=re.S)
    if count != 1:
        sys.exit(f"{page}: there must be one place for {name}, and there are {count}")
    return new


# Speed and machine differ from run to run.
timeless = lambda text: re.sub(r"^Time: [^\n]*\n", "", text, flags=re.M)
new = put(put(old, "tables", (work / "quality.txt").read_text()), "bars", "\n".join(lines))
drawn = (work / picture.name).read_text()
if check:
    same = timeless(new) == timeless(old) and picture.exists() and picture.read_text() == drawn
    sys.exit(None if same else "docs/quality.md or its picture is out of date: bash docs/quality.sh")
page.write_text(new)
picture.write_text(drawn)
PYTHON
