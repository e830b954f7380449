#!/usr/bin/env bash
# Prints the run of `sim explore` that docs/explorer.md shows, and remakes docs/pictures/explore.svg; some ten minutes on two cores.
# With --areas it counts anew the areas that the program's table holds (sim/src/explore/area/table.json): yosys must be there, and it takes half an
# hour.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --quiet --package seedlm-sim --package seedlm-hdl --bins
programs=${CARGO_TARGET_DIR:-target}/release
if [ "${1:-}" = --areas ]; then
    exec "$programs"/sim explore --write-areas sim/src/explore/area/table.json
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A cache of its own: areas come from the table, whatever has been counted on this machine.
SEEDLM_EXPLORE_CACHE=$work "$programs"/sim explore --svg docs/pictures/explore.svg
