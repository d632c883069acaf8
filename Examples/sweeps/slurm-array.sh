#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A sweep as a Slurm job array: every task runs one shard, a last job merges them.
#
#   sbatch --array=0-31 slurm-array.sh
#   sbatch --dependency=afterok:JOBID --wrap "sealyard sweep merge shards/*.jsonl --out sweep.jsonl"
#
# A task whose time is over gets a SIGTERM two minutes before, writes the runs that are done to its file and ends
# with status 75. Run again, it goes on with them (--resume); one that was killed at once begins anew. The merge
# names what is missing.
#SBATCH --job-name=sealyard-sweep
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
set -euo pipefail

: "${SLURM_ARRAY_TASK_ID:?submit with sbatch --array=0-31}"
: "${SLURM_ARRAY_TASK_COUNT:?submit with sbatch --array=0-31}"
mkdir -p shards

exec sealyard sweep run "${SCENARIO:-Scenarios/handbook-f0494733.yaml}" \
    --vary hosts.p1.count=8,16,24,32 \
    --vary hosts.c2.count=1,2,3,4 \
    --replications 10 \
    --threads "${SLURM_CPUS_PER_TASK:-1}" \
    --shard "${SLURM_ARRAY_TASK_ID}/${SLURM_ARRAY_TASK_COUNT}" \
    --out "shards/${SLURM_ARRAY_TASK_ID}.jsonl" \
    --resume \
    --no-progress
