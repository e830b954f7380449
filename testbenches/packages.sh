#!/usr/bin/env bash
# Installs Debian packages: bash testbenches/packages.sh PACKAGE...
set -euo pipefail

echo "installing: $*"
as_root=(env DEBIAN_FRONTEND=noninteractive)
[ "$(id -u)" -eq 0 ] || as_root=(sudo "${as_root[@]}")
# Another program may be using apt-get just now. For its list of packages apt-get itself cannot wait.
for attempt in {1..60}; do
    "${as_root[@]}" apt-get update && break
    echo "trying again ($attempt of 60)"
    sleep 5
done
"${as_root[@]}" apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends "$@"
