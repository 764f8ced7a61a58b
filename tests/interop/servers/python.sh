#!/usr/bin/env bash
# Puts the servers that PyPI has into the virtual environment $1.
set -euo pipefail
cd "$(dirname "$0")"

folder=$1
cmp -s requirements.txt "$folder/requirements.txt" && "$folder/bin/pip" check >/dev/null && exit

python3 -c 'import ensurepip' || (apt-get update && apt-get -o DPkg::Lock::Timeout=120 install -y python3-venv)
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/pip" install --disable-pip-version-check --no-deps --requirement requirements.txt
"$folder/bin/pip" check
cp requirements.txt "$folder/"
