#!/usr/bin/env bash
# Prints the cycles of the SeedLM paper's Table 5 beside the simulator's, as Markdown.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet --package seedlm-sim
sim=${CARGO_TARGET_DIR:-target}/release/sim
echo "| N | fp16: paper | fp16: sim | | paper-4b: paper | paper-4b: sim | | paper-3b: sim |"
echo "|---|---|---|---|---|---|---|---|"
for row in "512 8593 2341" "1024 34201 8723" "2048 136559 34331"; do
    read -r size paper_fp16 paper_coded <<<"$row"
    "$sim" run --quiet --workload "matvec:${size}x${size}" --weights fp16,paper-4b,paper-3b --json - |
        python3 -c '
import json, sys
size, paper_fp16, paper_coded = map(int, sys.argv[1:])
fp16, four, three = (entry["cycles"] for entry in json.load(sys.stdin)["formats"])
print(f"| {size} | {paper_fp16:,} | {fp16:,} | {100 * (fp16 / paper_fp16 - 1):+.2f} % "
      f"| {paper_coded:,} | {four:,} | {100 * (four / paper_coded - 1):+.2f} % | {three:,} |")
' "$size" "$paper_fp16" "$paper_coded"
done

# The table's runs start the refresh timer at phase 0. How much that matters for the shortest run:
memory=$(mktemp)
trap 'rm -f "$memory"' EXIT
for ((phase = 0; phase < 1560; phase += 20)); do
    sed "s/^refresh_phase_cycles = .*/refresh_phase_cycles = $phase/" sim/memory/paper.toml >"$memory"
    "$sim" run --quiet --workload matvec:512x512 --weights paper-4b --memory "$memory" --json - |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["formats"][0]["cycles"])'
done | sort -n | awk '{ cycles[NR] = $1; sum += $1 }
    END { printf "\npaper-4b, N = 512, over 78 phases of the refresh timer: %d to %d cycles, mean %.0f\n", cycles[1], cycles[NR], sum / NR }'
