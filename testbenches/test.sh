#!/usr/bin/env bash
# Installs what the tests need, where it is missing, and runs all of them.
set -euo pipefail
cd "$(dirname "$0")/.."

# command:Debian package
needed=(python3:python3 cc:gcc)
missing=()
for entry in "${needed[@]}"; do
    command -v "${entry%%:*}" >/dev/null 2>&1 || missing+=("${entry##*:}")
done
if [ "${#missing[@]}" -gt 0 ]; then
    echo "installing: ${missing[*]}"
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update
    "${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}"
fi

exec cargo test --workspace
