#!/bin/bash
#SBATCH --job-name=weightspace-0a1b2c3d-000012
#SBATCH --array=0-999
#SBATCH --output="/cluster/zoos/100%% of it/work/slurm/errors/000012-%a.txt"
#SBATCH --open-mode=truncate
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=800M
#SBATCH --time=45
#SBATCH --requeue
#SBATCH --signal=B:TERM@60
#SBATCH --partition=short,long
#SBATCH --account=physics
#SBATCH --qos=low
#SBATCH --constraint="avx2&ib"
#SBATCH --exclude=n[7-9]
#SBATCH --mail-type=FAIL

cd '/cluster/zoos/100% of it/work' || exit 1
# Line by line what the elements of this array do. A batch that was given up has no list any more, and nothing to do.
line="$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" slurm/batches/000012.units 2>/dev/null)"
[ -n "$line" ] || exit 0
unit="${line% *}" attempt="${line##* }"
careful=""
[ "$attempt" -gt 1 ] && careful=--careful
# One core was asked for, whatever the node has.
export DOTNET_PROCESSOR_COUNT=1
'/cluster/zoos/100% of it/work/slurm/program/ab/weightspace' work "units/$unit.json" "results/$unit.safetensors" --once --quiet --minutes 15 $careful --data '/cluster/it'\''s data' &
worker=$!
# Asked to end, the worker puts down where it stands; the signal ends the wait, not the worker.
trap 'kill -TERM "$worker" 2>/dev/null' TERM
wait "$worker"
status=$?
while kill -0 "$worker" 2>/dev/null; do
    wait "$worker"
    status=$?
done
echo "$SLURM_ARRAY_JOB_ID $SLURM_ARRAY_TASK_ID $unit $attempt $status $SECONDS" >>"slurm/times/${SLURMD_NODENAME:-$(hostname)}"
[ "$status" -eq 0 ] && rm -f "slurm/errors/000012-$SLURM_ARRAY_TASK_ID.txt"
exit "$status"
