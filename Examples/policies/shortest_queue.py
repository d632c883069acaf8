#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A scheduling policy for sealyard in another language: each task goes to the least busy worker that may take it.

Lines of JSON come on standard input and go to standard output; `sealyard policy schema` describes them.
"""
import json
import sys


def decide(view):
    decisions = []
    running = {worker["index"]: worker["runningCount"] for worker in view["workers"]}
    free = {worker["index"]: dict(worker["free"]) for worker in view["workers"]}
    for wish in view["admissions"][:1]:
        room = [store for store in view["stores"] if store["name"] in wish["stores"]]
        if room:
            best = min(room, key=lambda store: (store["sectorCount"], store["name"]))
            decisions.append({"admit": wish["sector"], "store": best["name"]})
    for task in view["tasks"]:
        fitting = [index for index in task["workers"] if free[index].get(task["kind"], 0) > 0]
        if fitting:
            best = min(fitting, key=lambda index: (running[index], index))
            running[best] += 1
            free[best][task["kind"]] -= 1
            decisions.append({"assign": task["id"], "worker": best, "rule": "shortest"})
    return {"version": 1, "decisions": decisions}


for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "hello":
        answer = {"version": 1, "name": "shortest-queue"}
    else:
        answer = decide(message)
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
