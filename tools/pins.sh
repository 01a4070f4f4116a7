#!/usr/bin/env bash
# Writes constraints.txt anew from what .venv holds: the names and versions alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
pins=$(.venv/bin/uv pip freeze -q --python .venv | grep -E '^[A-Za-z0-9._-]+==' | grep -vE '^pip==' | sed 's/+.*//')
{
  sed -n '/^#/p' constraints.txt
  LC_ALL=C sort -u <<<"$pins"
} >constraints.txt.new
mv constraints.txt.new constraints.txt
