#!/usr/bin/env bash
# Prints the tables of docs/progressive.md: what every layer costs and brings. With a model as argument, a file or a folder, the
# errors of its matrices too; that of all-MiniLM-L6-v2 takes some twenty minutes on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --bin seedlm --bin sim >&2
programs="${CARGO_TARGET_DIR:-target}/release"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Matrices of N(0,1) weights, with long and with short rows.
normal() { # file, rows, columns
    python3 - "$@" <<'PYTHON'
import array, json, random, struct, sys
rows, columns = map(int, sys.argv[2:])
random.seed(5)
values = array.array("f", [random.gauss(0, 1) for _ in range(rows * columns)])
header = json.dumps({"layer.q.weight": {"dtype": "F32", "shape": [rows, columns], "data_offsets": [0, 4 * len(values)]}}).encode()
header += b" " * (-len(header) % 8)
open(sys.argv[1], "wb").write(struct.pack("<Q", len(header)) + header + values.tobytes())
PYTHON
}
normal "$work/normal.safetensors" 32 4096
normal "$work/short.safetensors" 256 384

# What trials of scales bring in short rows, and the time they take.
trials() {
    echo "| layers | scales tried | error after 1 | 2 | seconds |"
    echo "|---|---|---|---|---|"
    for options in "4" "2+2 --scale-trials 1" "2+2 --scale-trials 2" "2+2 --scale-trials 3" "2+2 --scale-trials 5" "2+2 --scale-trials 8" "2+2 --scale-trials 16"; do
        # Several words.
        # shellcheck disable=SC2086
        "$programs/seedlm" compress "$work/short.safetensors" --chain-length 16 --layers $options -q -f --json -o "$work/out" >"$work/report.json"
        python3 - "$work/report.json" $options <<'PYTHON'
import json, sys
report = json.load(open(sys.argv[1]))
layers, count = sys.argv[2], sys.argv[-1] if len(sys.argv) > 3 else ""
figures = [f"{prefix['relative_error']:.5f}" for prefix in report["prefixes"]] + [""]
print(f"| {layers} | {count} | {figures[0]} | {figures[1]} | {report['encode_seconds']:.1f} |")
PYTHON
    done
}

errors() { # name, model, layers ...
    local name=$1 model=$2
    shift 2
    for length in 12 16; do
        for layers in "$@"; do
            "$programs/seedlm" compress "$model" --layers "$layers" --chain-length "$length" -q -f --json -o "$work/out" >"$work/report.json"
            rm -rf "$work/out"
            python3 - "$name" "$length" "$layers" "$work/report.json" <<'PYTHON'
import json, sys
name, length, layers, path = sys.argv[1:]
prefixes = json.load(open(path))["prefixes"]
figures = [f"{prefix['relative_error']:.4f}" for prefix in prefixes] + [""] * (4 - len(prefixes))
print(f"| {name} | {length} | {layers} | {prefixes[-1]['bits_per_compressed_weight']:.3f} | " + " | ".join(figures) + " |")
PYTHON
        done
    done
}

embedded=host/model/embedded/shakespeare
tables() {
    echo "| weights | K | layers | bits per weight | error after 1 | 2 | 3 | 4 |"
    echo "|---|---|---|---|---|---|---|---|"
    errors "N(0,1), 32 x 4096" "$work/normal.safetensors" 4 2+2 2+2+2 2+1+1 1+1+1+1
    errors "embedded model" "$embedded/model.safetensors" 4 2+2 2+2+2 2+1+1 1+1+1+1
    if [ -n "${1:-}" ]; then errors "$(basename "$1")" "$1" 4 2+2 2+2+2; fi
    echo
    trials
    echo
    "$programs/seedlm" compress "$embedded" --code progressive-6b-k12 -q -f -o "$work/progressive" >&2
    for layers in 1 2 3; do
        "$programs/seedlm" truncate "$work/progressive" --layers "$layers" -q -f -o "$work/layers-$layers" >&2
    done
    "$programs/sim" run "$work/progressive" --layers 1..3 --weights fp16,chained-2b-k12 -q --json - >"$work/run.json"
    "$programs/seedlm" eval --against "$work/layers-1,$work/layers-2,$work/layers-3" -q --json >"$work/eval.json"
    "$programs/seedlm" inspect "$work/progressive" --json >"$work/inspect.json"
    python3 - "$work" <<'PYTHON'
import json, sys
work = sys.argv[1]
read = lambda name: json.load(open(f"{work}/{name}.json"))
prefixes, formats, variants = read("inspect")["prefixes"], read("run")["formats"], read("eval")["variants"]
print("| layers | bytes of the file | bits read per weight | cycles per token | of proportional | tokens/s | nearest to its limit | error of the weights | KL, nats/token |")
print("|---|---|---|---|---|---|---|---|---|")
fp16, layers = formats[0], formats[1:]
print(f"| fp16 | | {fp16['read_bits_per_weight']:.3f} | {fp16['cycles']:,} | | {fp16['passes_per_second']:,.0f} | memory, {100 * fp16['bandwidth_share_of_refresh_limited']:.1f} % | | |")
for number, (prefix, run, variant) in enumerate(zip(prefixes, layers, variants), 1):
    share = run["cycles"] / (number * layers[0]["cycles"])
    roofs = {"memory": run["bandwidth_share_of_refresh_limited"], "decode lanes": run["decoder_utilisation"], "MACs": run["mac_utilisation"]}
    roof = max(roofs, key=roofs.get)
    print(f"| {number} | {prefix['read_bytes']:,} | {run['read_bits_per_weight']:.3f} | {run['cycles']:,} | {100 * share:.2f} % | {run['passes_per_second']:,.0f} | "
          f"{roof}, {100 * roofs[roof]:.1f} % | {prefix['relative_error']:.4f} | {variant['divergence']['mean']:.5f} |")
PYTHON
    echo
    echo "| drafted tokens | rounds | accepted in a round | this machine | 2 vectors per read | 4 | 8 | 16 | pays at 8 vectors from |"
    echo "|---|---|---|---|---|---|---|---|---|"
    for count in 1 2 4 8; do
        "$programs/sim" run --weights chained-2b-k12 --layers 2 --prompt "ROMEO: " --tokens 200 --speculate "$count" -q --json - >"$work/spoken.json"
        python3 - "$count" "$work/spoken.json" <<'PYTHON'
import json, sys
count, path = sys.argv[1:]
figures = json.load(open(path))["formats"][0]["speculation"]
projected = {entry["vectors_per_read"]: entry for entry in figures["projected"]}
needed = projected[8]["break_even_accepted_tokens"]
speeds = " | ".join(f"{projected[vectors]['speed_up_over_plain']:.2f} x" for vectors in (2, 4, 8, 16))
print(f"| {count} | {figures['rounds']} | {figures['mean_accepted_tokens']:.2f} | {figures['speed_up_over_plain']:.2f} x | {speeds} | "
      + (f"{needed:.2f} tokens |" if needed is not None else "never |"))
PYTHON
    done
}

tables "${1:-}"
echo
echo "From \`bash docs/progressive.sh\` ($("$programs/seedlm" --version), $(rustc --version))."
