#!/usr/bin/env bash
# Makes ulx3s.bit of what lies in this folder. YOSYS, NEXTPNR and PACK name other programs than those on PATH.
set -euo pipefail
cd "$(dirname "$0")"
"${YOSYS:-yosys}" -q -p "read_verilog $(tr '\n' ' ' <sources.f); synth_ecp5 -top ulx3s -json ulx3s.json"
"${NEXTPNR:-nextpnr-ecp5}" --quiet --85k --package CABGA381 --speed 6 --seed 1 --freq 25 --lpf ulx3s.lpf --json ulx3s.json \
    --textcfg ulx3s.config --report report.json
"${PACK:-ecppack}" --compress ulx3s.config ulx3s.bit
