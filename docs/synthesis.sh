#!/usr/bin/env bash
# Measures the rows of hdl/synthesis/table.toml, keeps their figures in hdl/synthesis/measured.json, and writes the tables of
# docs/synthesis.md and README.md. The page says how long that takes. Names of rows: only those are measured anew.
# --tables: nothing is measured, the tables are written from hdl/synthesis/measured.json as it is.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --quiet --package seedlm-hdl --bin hdl
built=${CARGO_TARGET_DIR:-target}
hdl=$built/release/hdl
table=hdl/synthesis/table.toml
measured=hdl/synthesis/measured.json
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
new=
if [ "${1:-}" != --tables ]; then
    rows=()
    for name in "$@"; do rows+=(--row "$name"); done
    # Not in the temporary folder: whoever stops this finds there what is measured by then.
    new=$built/synthesis.json
    "$hdl" synth --table "$table" "${rows[@]}" --json "$new" >/dev/null
fi

python3 - "$measured" "$new" "$#" <<'E2'
import json, pathlib, sys

measured, new, names = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
if new:
    rows = {row["name"]: row for row in json.loads(measured.read_text())} if names else {}
    rows.update((row["name"], row) for row in json.loads(pathlib.Path(new).read_text()))
    measured.write_text(json.dumps(list(rows.values()), indent=2) + "\n")
E2
"$hdl" synth --table "$table" --measured "$measured" >"$work/rows.md"
"$hdl" chips --measured "$measured" >"$work/chips.md"

python3 - "$work" <<'E2'
import pathlib, re, sys

work = pathlib.Path(sys.argv[1])


def put(page, name, text):
    path = pathlib.Path(page)
    pattern = rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end of {name} -->)"
    new, count = re.subn(pattern, lambda match: match[1] + "\n" + text.strip() + "\n\n" + match[2], path.read_text(), flags=re.S)
    if count != 1:
        sys.exit(f"{page}: there must be one place for {name}, and there are {count}")
    path.write_text(new)


rows = (work / "rows.md").read_text()
put("docs/synthesis.md", "rows", rows)
put("docs/synthesis.md", "chips", (work / "chips.md").read_text())
put("README.md", "synthesis", rows)
E2
