#!/usr/bin/env bash
# Makes icebreaker.bin of what lies in this folder. YOSYS, NEXTPNR and PACK name other programs than those on PATH.
set -euo pipefail
cd "$(dirname "$0")"
"${YOSYS:-yosys}" -q -p "read_verilog $(tr '\n' ' ' <sources.f); synth_ice40 -top icebreaker -json icebreaker.json"
"${NEXTPNR:-nextpnr-ice40}" --quiet --up5k --package sg48 --seed 1 --freq 12 --pcf icebreaker.pcf --json icebreaker.json \
    --asc icebreaker.asc --report report.json
"${PACK:-icepack}" icebreaker.asc icebreaker.bin
