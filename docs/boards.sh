#!/usr/bin/env bash
# Builds the self-tests of both boards with their bitstreams, in target/boards, and prints clock and area of each.
# Needs the tools that testbenches/tools.sh installs. The ULX3S takes a minute or two.
set -euo pipefail
cd "$(dirname "$0")/.."

for board in icebreaker ulx3s; do
    cargo run --quiet --bin hdl -- board --board "$board" --out "target/boards/$board" --bitstream
    echo
done
