#!/usr/bin/env bash
# Writes what the commands named in docs/tradeoff.md print into it, and its picture; with --check only says whether they still do.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --quiet --bin sim --bin hdl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
programs=$PWD/${CARGO_TARGET_DIR:-target}/release
case ${CARGO_TARGET_DIR:-} in /*) programs=$CARGO_TARGET_DIR/release ;; esac

PATH="$programs:$PATH" python3 - "$work" "${1:-}" <<'PYTHON'
import pathlib, re, shlex, subprocess, sys

work, check = pathlib.Path(sys.argv[1]), sys.argv[2] == "--check"
page, picture = pathlib.Path("docs/tradeoff.md"), pathlib.Path("docs/pictures/tradeoff.svg")
old = page.read_text()


def printed(match):
    command = match[1]
    arguments = shlex.split(command.replace(str(picture), str(work / picture.name)))
    lines = subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True).stdout
    return f"    {command}\n\n```text\n{lines.rstrip()}\n```\n"


# A command of four spaces, an empty line, and the block of what it prints.
new = re.sub(r"^    ((?:sim|hdl) [^\n]*)\n\n```text\n.*?\n```\n", printed, old, flags=re.M | re.S)
drawn = (work / picture.name).read_text()
if check:
    same = new == old and picture.exists() and picture.read_text() == drawn
    sys.exit(None if same else "docs/tradeoff.md or its picture is out of date: bash docs/tradeoff.sh")
page.write_text(new)
picture.write_text(drawn)
PYTHON
