#!/usr/bin/env bash
# Prints the tables of docs/performance.md as Markdown. Run it on a machine that does nothing else; it takes some ten minutes on
# two cores.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --quiet --package seedlm --bin seedlm
seedlm=${CARGO_TARGET_DIR:-target}/release/seedlm
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$seedlm" bench encode --code paper-4b,paper-3b,chained-4b,chained-3b,chained-2b,chained-4b-k12,chained-3b-k12,chained-2b-k12 \
    --json >"$work/encode.json"
# Large matrices only with the best instructions: without vectors they take a quarter of an hour.
"$seedlm" bench encode --code paper-4b,paper-3b --weights $((1 << 24)) --instructions best --json >"$work/large.json"
"$seedlm" bench decode --json >"$work/decode.json"

python3 - "$work" <<'E2'
import json, pathlib, sys

work = pathlib.Path(sys.argv[1])
encode, large, decode = (json.loads((work / f"{name}.json").read_text()) for name in ["encode", "large", "decode"])


def table(header, rows):
    print("|", " | ".join(header), "|")
    print("|" + "---|" * len(header))
    for row in rows:
        print("|", " | ".join(row), "|")
    print()


ratio = lambda number, digits=2: "" if number is None else f"{number:.{digits}f}"
giga = lambda number: f"{number / 1e9:.2f}" if number else ""

print("### Encoding\n")
table(
    ["code", "instructions", "threads", "weights", "relative error", "seconds", "weights/s", "weights/s and core", "/ naive", "/ 16 at once",
     "/ one thread", "instructions executed"],
    [[f"`{line['code']}`", line["instructions"], str(line["threads"]), f"{line['weights']:,}", f"{line['relative_error']:.4f}",
      f"{line['seconds']:.3f}", f"{line['weights_per_s']:,.0f}", f"{line['weights_per_s_and_core']:,.0f}", ratio(line["ratio_to_naive"], 1),
      ratio(line["ratio_to_sixteen_blocks"], 1), ratio(line["ratio_to_one_thread"]),
      "not counted" if line["executed"] is None else f"{line['executed']:,.0f} per {line['executed_per']}"]
     for line in encode["lines"] + large["lines"]],
)
table(
    ["naive search", "how", "beside weights", "relative error", "as shipped, weights/s", "for this machine, weights/s", "with"],
    [[f"`{line['code']}`", line["form"].replace("_", " "), f"{line['beside_weights']:,}", f"{line['relative_error']:.4f}", f"{line['baseline_weights_per_s']:,.0f}",
      f"{line['native_weights_per_s']:,.0f}", line["native_instructions"]]
     for line in encode["naive"] + large["naive"]],
)
print("### Decoding\n")
table(
    ["code", "output", "instructions", "threads", "Gweights/s", "GB/s written", "GB/s of code", "/ memory", "/ golden", "/ one thread"],
    [[f"`{line['code']}`", line["output"], line["instructions"], str(line["threads"]), giga(line["weights_per_s"]),
      giga(line["written_bytes_per_s"]), giga(line["code_bytes_per_s"]), ratio(line["ratio_to_memory"]), ratio(line["ratio_to_golden"], 0),
      ratio(line["ratio_to_one_thread"])]
     for line in decode["lines"]],
)
machine = "; ".join(filter(None, [encode["tool"], encode["compiler"], encode["processor"]]))
reasons = {line["executed_unknown"] for line in encode["lines"]} - {None}
print(f"From `bash docs/performance.sh` ({machine}, {encode['cores']} cores)." + "".join(f" Instructions executed: {reason}." for reason in reasons))
E2
