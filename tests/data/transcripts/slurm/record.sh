#!/usr/bin/env bash
# Records what SLURM's commands say, in the formats that mlipbatch asks for: record.sh FOLDER, with tools/slurm.sh up there.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SLURM_CONF="$(cd "$1" && pwd)/slurm.conf" tool="$here/../../../../tools/slurm.sh"
export SLURM_CONF
work=$(mktemp -d) && cd "$work" || exit
printf '#!/bin/bash\n%s\n' 'exit 0' >ok.sh && printf '#!/bin/bash\n%s\n' 'exit 3' >bad.sh && printf '#!/bin/bash\n%s\n' 'sleep 100' >long.sh

queue=(squeue --noheader --array --all --states=all "--user=$(id -u)" '--format=@%i|%T|%M|%V|%r|%j@')
said() { # FILE COMMAND...: its exit code, stdout and stderr
  local out err code
  out=$(mktemp) err=$(mktemp)
  "${@:2}" >"$out" 2>"$err"
  code=$?
  { printf '$ %s\n# rc %s\n# stdout\n' "${*:2}" "$code" && cat "$out" && printf '# stderr\n' && cat "$err"; } >>"$here/$1"
}

rm -f "$here"/{squeue,sbatch,down,sinfo}.txt
said squeue.txt "${queue[@]}"
said sbatch.txt sbatch --parsable --job-name=mb-ok ok.sh
sbatch --quiet --job-name=mb-bad bad.sh && sbatch --quiet --job-name=mb-long long.sh
said sbatch.txt sbatch --parsable --job-name=mb-array --array=0-3 ok.sh
sbatch --quiet --job-name=$'a name|with @\nall of it' long.sh
sbatch --quiet --job-name=mb-never --dependency=afterok:2 ok.sh
sbatch --quiet --job-name=mb-held --hold ok.sh
sleep 4
said squeue.txt "${queue[@]}"
scancel --name=mb-long
sleep 4
said squeue.txt "${queue[@]}"
said sinfo.txt sinfo --noheader '--format=%P|%a|%l|%c|%m|%D|%G'
for wrong in --partition=nosuch --array=0-99999 --mem=999999999 --nodes=9 --time=nonsense --gres=gpu:9; do
  said sbatch.txt sbatch --parsable "$wrong" ok.sh
done
said sbatch.txt sbatch --parsable nosuchfile.sh
scontrol update PartitionName=debug State=DRAIN
said sbatch.txt sbatch --parsable ok.sh
scontrol update PartitionName=debug State=UP
said down.txt sacct --noheader --parsable2 --jobs=1
"$tool" halt "$1"
said down.txt "${queue[@]}"
said down.txt sbatch --parsable ok.sh
said down.txt scancel 1
said down.txt sinfo --noheader
"$tool" resume "$1"
