#!/usr/bin/env bash
# Installs what is missing for `make demo` and `make test`: Debian packages, .venv, and pacemaker's own .venv-pacemaker.
# Run it as often as you like: where nothing is missing it ends at once. PYTHON=python3.12 chooses the interpreter.
# `tools/setup.sh tests` also gets what only tests want: a SLURM to start on the loopback device, PostgreSQL, ABINIT, shellcheck,
# strace and libfaketime.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec 9<tools/setup.sh
flock 9 2>/dev/null || true # two makes at a time take turns

EXTRAS='engines,postgresql,benchmarks,dev'
TENSORPOTENTIAL='tensorpotential==0.6.2.1'

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# --- Debian packages ---------------------------------------------------------------------------------------------------

missing_packages() { # for running: always looked at, it costs nothing
  command -v pw.x >/dev/null || echo quantum-espresso
  compgen -G '/usr/share/espresso/pseudo/*.UPF' >/dev/null || echo quantum-espresso-data
  # Debian's pw.x comes with the reference BLAS, which takes 1.6 times as long
  if [ "$(command -v pw.x || echo /usr/bin/pw.x)" = /usr/bin/pw.x ]; then
    grep -qE "openblas|mkl_rt|blis" <(PATH="$PATH:/usr/sbin:/sbin" ldconfig -p) || echo libopenblas0-serial
  fi
}

missing_test_packages() {
  local found=$PATH:/usr/sbin:/sbin
  PATH=$found command -v slurmctld >/dev/null && PATH=$found command -v slurmd >/dev/null || echo slurm-wlm
  PATH=$found command -v munged >/dev/null || echo munge
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || echo postgresql
  command -v shellcheck >/dev/null || echo shellcheck
  command -v abinit >/dev/null || echo abinit # the second DFT code, with pseudopotentials
  [ -d /usr/share/abinit/psp ] || echo abinit-data
  command -v strace >/dev/null || echo strace # a daemon killed in any syscall that writes
  compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || echo faketime # a clock that is an hour off
}

missing_build_packages() { # for installing: icet and fpsample come as sources
  command -v g++ >/dev/null || echo g++
  "$1" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  "$1" -c 'import os, sysconfig as s; raise SystemExit(not os.path.exists(s.get_path("include") + "/Python.h"))' \
    || echo python3-dev
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
may_be_root() { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }

install_packages() { # never fatal: what cannot do without them says so itself
  [ $# -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null; then
    say "no apt-get here; please install what Debian calls: $*"
  elif ! may_be_root; then
    say "not root: please ask for   apt-get install $*"
  else
    say "apt-get install $*"
    local options=(-y -q --no-install-recommends -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300)
    { as_root apt-get update -q -o Acquire::Retries=3 &&
      as_root env DEBIAN_FRONTEND=noninteractive apt-get install "${options[@]}" "$@"; } >&2 9<&- ||
      say "apt-get failed (above); going on without: $*"
  fi
}

# --- Python ------------------------------------------------------------------------------------------------------------

suits() { "$1" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

find_python() { # python-ace has wheels for 3.11 to 3.13
  local candidate
  for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
    if suits "$candidate"; then command -v "$candidate"; return; fi
  done
  die "needs Python 3.11, 3.12 or 3.13, and found none (tried ${PYTHON:-} python3 python3.13 python3.12 python3.11);" \
    "install one, or name it: PYTHON=/path/to/python3.12 make demo"
}

has_gpu() { [ -e /dev/nvidiactl ]; }

# An environment's stamp is the hash of what it was made from; a moved checkout or a new GPU makes it stale.
project_stamp() { { cat pyproject.toml constraints.txt tools/setup.sh; pwd; has_gpu && echo gpu || echo cpu; } | sha256sum; }
pacemaker_stamp() { { cat tools/pacemaker.txt tools/setup.sh; pwd; } | sha256sum; }
is_current() { [ -x "$1/bin/python" ] && [ "$(cat "$1/setup-stamp" 2>/dev/null)" = "$2" ]; }
is_usable() { "$1/bin/python" -c '' 2>/dev/null && grep -qF "$PWD/$1" "$1/bin/activate"; }

bootstrap() { # .venv with uv in it, or at least pip
  if ! is_usable .venv; then
    say "making .venv with $1 ($("$1" -V))"
    "$1" -m venv --clear .venv || die "python3 -m venv failed; on Debian: apt-get install python3-venv"
  fi
  [ ! -x .venv/bin/uv ] || return 0
  .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null
  say "installing uv into .venv"
  .venv/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt uv >&2 || say "no uv: going on with pip"
}

pip_setting() { # NAME: pip's option from its environment variable or its configuration files, which uv does not read
  local variable="PIP_${1^^}"
  variable="${variable//-/_}"
  echo "${!variable:-$(.venv/bin/python -m pip config get "global.$1" 2>/dev/null || true)}"
}

obey_pips_settings() {
  local find_links index certificate
  find_links=$(pip_setting find-links) index=$(pip_setting index-url) certificate=$(pip_setting cert)
  [ -z "$find_links" ] || export UV_FIND_LINKS="${UV_FIND_LINKS:-$(tr -s ' \n' ',' <<<"$find_links" | sed 's/,$//')}"
  [ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
  [ -z "$certificate" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$certificate}"
}

can_install() { .venv/bin/uv pip install -q --dry-run --no-deps --python .venv "$@" 2>/dev/null; }

torch_option() { # of uv: without a GPU the CPU build, which is gigabytes smaller
  local pin
  pin=$(grep -m1 '^torch==' constraints.txt)
  if has_gpu; then
    if can_install --torch-backend=auto "$pin"; then echo --torch-backend=auto; fi # else what the index has
  elif [ -n "${UV_FIND_LINKS:-}" ] && can_install "$pin+cpu"; then
    echo "$pin+cpu"
  else
    echo --torch-backend=cpu
  fi
}

pip_would_pull_cuda() {
  ! has_gpu && ! .venv/bin/python -c 'import torch' 2>/dev/null &&
    [ -z "$(pip_setting find-links)$(pip_setting extra-index-url)" ]
}

install_project() {
  say "installing mlipbatch[$EXTRAS] into .venv (icet and fpsample are compiled: a minute or two)"
  if [ -x .venv/bin/uv ]; then
    local option
    option=$(torch_option)
    .venv/bin/uv pip install --python .venv -c constraints.txt ${option:+"$option"} -e ".[$EXTRAS]" >&2
  else
    ! pip_would_pull_cuda || die "pip alone would pull torch with gigabytes of CUDA: install uv first (pip install uv)," \
      "or set PIP_EXTRA_INDEX_URL to PyTorch's index of CPU builds, and run this again"
    .venv/bin/python -m pip install -q -c constraints.txt -e ".[$EXTRAS]" >&2
  fi
}

compile_modules() { # ENV FOLDER...: half a second off every start, also where PYTHONDONTWRITEBYTECODE is set
  "$1/bin/python" -m compileall -q -j 0 "${@:2}" >/dev/null 2>&1 || true # some packages ship files of other Pythons
}

install_pacemaker() {
  say "installing pacemaker with tensorflow into .venv-pacemaker"
  is_usable .venv-pacemaker || .venv/bin/python -m venv --clear .venv-pacemaker
  local install=(.venv-pacemaker/bin/python -m pip install -q)
  [ ! -x .venv/bin/uv ] || install=(.venv/bin/uv pip install --python .venv-pacemaker)
  "${install[@]}" -r tools/pacemaker.txt >&2
  "${install[@]}" --no-deps "$TENSORPOTENTIAL" >&2
  TF_CPP_MIN_LOG_LEVEL=3 .venv-pacemaker/bin/python -c 'import pyace, tensorpotential' >/dev/null 2>&1 ||
    die "pacemaker's environment does not import; remove .venv-pacemaker and run this again"
}

make_environments() {
  bootstrap "$1"
  obey_pips_settings
  if ! is_current .venv "$2"; then
    install_project
    compile_modules .venv .venv/lib mlipbatch
    echo "$2" >.venv/setup-stamp
  fi
  if ! is_current .venv-pacemaker "$3"; then
    install_pacemaker
    compile_modules .venv-pacemaker .venv-pacemaker/lib
    echo "$3" >.venv-pacemaker/setup-stamp
  fi
  say "ready, after $SECONDS s"
}

main() {
  local packages stamps python=
  stamps=("$(project_stamp)" "$(pacemaker_stamp)")
  if ! is_current .venv "${stamps[0]}" || ! is_current .venv-pacemaker "${stamps[1]}"; then
    python=$(find_python) || exit 1
  fi
  mapfile -t packages < <(
    missing_packages
    [ "${1:-}" != tests ] || missing_test_packages
    [ -z "$python" ] || missing_build_packages "$python"
  )
  install_packages "${packages[@]}"
  [ -z "$python" ] || make_environments "$python" "${stamps[@]}"
}

main "$@"
