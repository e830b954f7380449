#!/usr/bin/env bash
# Measures the rows of hdl/synthesis/table.toml, keeps their figures in hdl/synthesis/measured.json, and writes the tables of
# docs/synthesis.md and README.md. The page says how long that takes. Names of rows: only those are measured anew.
# --tables: nothing is measured, the tables are written from hdl/synthesis/measured.json as it is.
# --check: the netlist of every row is made anew, and its area must be what hdl/synthesis/measured.json says, to the last cell;
# nothing is placed, nothing is written.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --quiet --package seedlm-hdl --bin hdl
built=${CARGO_TARGET_DIR:-target}
hdl=$built/release/hdl
table=hdl/synthesis/table.toml
measured=hdl/synthesis/measured.json
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ "${1:-}" = --check ]; then
    if [ $# -gt 1 ]; then
        echo "usage: docs/synthesis.sh --check: it measures all rows" >&2
        exit 2
    fi
    "$hdl" synth --table "$table" --no-place --json "$work/areas.json" >/dev/null
    python3 - "$measured" "$work/areas.json" <<'E2'
import json, pathlib, sys

kept, found = ({row["name"]: row for row in json.loads(pathlib.Path(name).read_text())} for name in sys.argv[1:])
if kept.keys() != found.keys():
    sys.exit(f"not in both, the table and {sys.argv[1]}: {', '.join(sorted(kept.keys() ^ found.keys()))}")
others = [name for name in kept if kept[name]["area"] != found[name]["area"]]
for name in others:
    print(f"{name}: {found[name]['area']} instead of {kept[name]['area']}", file=sys.stderr)
tools = ", ".join(sorted({tool for row in found.values() for tool in row["tools"]}))
if others:
    sys.exit(f"{len(others)} of {len(found)} rows have another area than {sys.argv[1]} says, with {tools}")
print(f"all {len(found)} rows have the area that {sys.argv[1]} says, with {tools}")
E2
    exit
fi
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
