#!/usr/bin/env bash
# Installs what the tests need, where it is missing, and runs all of them.
set -euo pipefail
cd "$(dirname "$0")/.."

bash testbenches/tools.sh
exec cargo test --workspace
