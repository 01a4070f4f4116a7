#!/usr/bin/env bash
# A SLURM of one node on the loopback device, for tests: munged, slurmctld and slurmd from Debian's slurm-wlm and munge,
# without systemd, cgroups or accounting. Several can run beside each other, each in a folder of its own.
#
#   tools/slurm.sh up FOLDER       start what is not running; then   export SLURM_CONF=FOLDER/slurm.conf
#   tools/slurm.sh halt FOLDER     stop slurmctld only: jobs run on, commands fail
#   tools/slurm.sh resume FOLDER   start slurmctld again
#   tools/slurm.sh down FOLDER     cancel all jobs and stop exactly what was started here
#
# CPUS=N gives the node so many CPUs (2), whatever the machine has. SETTINGS='MaxJobCount=9' adds lines to slurm.conf.
set -euo pipefail

verb=${1:-} folder=${2:-}
case "$verb:$folder" in
  up:?*|down:?*|halt:?*|resume:?*) ;;
  *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
export SLURM_CONF="$folder/slurm.conf"
PATH="$PATH:/usr/sbin:/sbin"

say() { printf 'slurm: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

running() { # NAME: is the process of our pid file that program? Debian's slurmctld is a link to slurmctld-wlm
  local pid
  pid=$(cat "$folder/$1.pid" 2>/dev/null) || return 1
  case "$(basename "$(readlink "/proc/$pid/exe" 2>/dev/null || true)")" in "$1"|"$1"-*) ;; *) return 1 ;; esac
}

stop() { # NAME: ask it to end; where it does not within 10 s, end it
  running "$1" || return 0
  local pid tenth
  pid=$(cat "$folder/$1.pid")
  kill -TERM "$pid"
  for tenth in $(seq 100); do
    [ -d "/proc/$pid" ] || return 0
    sleep 0.1
  done
  say "$1 did not end within $((tenth / 10)) s: killed"
  kill -KILL "$pid" 2>/dev/null || true
}

is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() { # not the one in $1
  local port tries
  for tries in $(seq 200); do
    port=$((20000 + RANDOM % 12000))
    if [ "$port" != "${1:-}" ] && is_free "$port"; then echo "$port"; return; fi
  done
  die "no free port found in $tries tries"
}

configure() { # once a folder: a second `up` finds the same ports
  [ ! -s "$SLURM_CONF" ] || return 0
  local host memory control node
  host=$(hostname -s)
  memory=$(awk '/MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo)
  control=$(free_port) node=$(free_port "$control")
  mkdir -p "$folder"/{state,spool}
  cat >"$SLURM_CONF" <<CONF
ClusterName=loopback
SlurmctldHost=$host(127.0.0.1)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket=$folder/munge.socket
SlurmctldPort=$control
SlurmdPort=$node
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=sched_min_interval=0,sched_interval=1,bf_interval=1,batch_sched_delay=0
ReturnToService=2
KillWait=3
MaxArraySize=1001
PropagateResourceLimits=NONE
${SETTINGS:-}
NodeName=$host NodeAddr=127.0.0.1 CPUs=${CPUS:-2} RealMemory=$memory State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE DefaultTime=60 State=UP
CONF
}

start_munged() { # --force: runs as root and in a folder that others may read
  running munged && return 0
  [ -s "$folder/munge.key" ] || (umask 077 && head -c 128 /dev/urandom >"$folder/munge.key")
  munged --force --num-threads=2 --key-file="$folder/munge.key" --socket="$folder/munge.socket" \
    --pid-file="$folder/munged.pid" --log-file="$folder/munged.log" --seed-file="$folder/munged.seed"
}

ready() { # within 15 s the node answers
  local state tenth
  for tenth in $(seq 150); do
    state=$(sinfo --noheader --format=%T 2>/dev/null || true)
    case "$state" in idle|mixed|allocated) return 0 ;; esac
    [ "$tenth" != 30 ] || scontrol update NodeName="$(hostname -s)" State=RESUME 2>/dev/null || true
    sleep 0.1
  done
  tail -n 20 "$folder"/*.log >&2
  die "the node is '$state', not idle"
}

up() {
  local program
  for program in munged slurmctld slurmd sinfo; do
    command -v "$program" >/dev/null || die "$program is not here: apt-get install slurm-wlm munge"
  done
  chmod 0755 "$folder"
  configure
  start_munged
  running slurmctld || slurmctld -f "$SLURM_CONF"
  running slurmd || slurmd -f "$SLURM_CONF" -N "$(hostname -s)"
  ready
  say "up; export SLURM_CONF=$SLURM_CONF"
}

down() {
  local tenth
  ! running slurmctld || timeout 20 scancel --full --partition=debug 2>/dev/null || true
  for tenth in $(seq 100); do # slurmd would leave the processes of running jobs behind
    [ -n "$(timeout 20 squeue --noheader 2>/dev/null)" ] || break
    sleep 0.1
  done
  stop slurmd
  stop slurmctld
  stop munged
  say "down after $((tenth / 10)) s"
}

case "$verb" in
  up) up ;;
  halt) stop slurmctld ;;
  resume) running slurmctld || slurmctld -f "$SLURM_CONF"; ready ;;
  down) down ;;
esac
