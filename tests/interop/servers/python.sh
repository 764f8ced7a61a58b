#!/usr/bin/env bash
# Puts what the file $2 names, all of which PyPI has, into the virtual environment $1.
set -euo pipefail

folder=$1
requirements=$2
cmp -s "$requirements" "$folder/requirements.txt" && "$folder/bin/pip" check >/dev/null && exit

python3 -c 'import ensurepip' || (apt-get update && apt-get -o DPkg::Lock::Timeout=120 install -y python3-venv)
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/pip" install --disable-pip-version-check --no-deps --requirement "$requirements"
"$folder/bin/pip" check
cp "$requirements" "$folder/requirements.txt"
