#!/usr/bin/env bash
# Makes docs/pictures/timing-*.svg anew: the simulator's units are clocked, and WaveDrom draws what their ports show. The same
# bytes come out on every run. With --check nothing is written, and pictures that are out of date fail.
# Needs the Python environment that testbenches/tools.sh makes.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo run --quiet --package seedlm-testbenches --example timing_pictures -- "$work"
for json in "$work"/timing-*.json; do
    name=$(basename "$json" .json)
    .tools/bin/python - "$json" "$work/$name.svg" <<'E2'
import pathlib, sys, wavedrom

source, target = map(pathlib.Path, sys.argv[1:])
svg = wavedrom.render(source.read_text()).tostring()
target.write_text(svg + "\n")
E2
    if [ "${1:-}" = --check ]; then
        cmp "$work/$name.svg" "docs/pictures/$name.svg"
    else
        cp "$work/$name.svg" "docs/pictures/$name.svg"
    fi
done
