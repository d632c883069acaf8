# SPDX-License-Identifier: Apache-2.0
"""The common model, as plain numbers.  Every program in this folder runs exactly this.

A tandem of five M/M/c stations with unbounded FIFO queues.  A sector arrives, then visits
AP -> PC1 -> PC2 -> C1 -> C2, holding one server of a station for its whole service time.

Randomness is counter based, so the value of a draw depends only on (seed, sector, slot) and
not on the order in which an engine asks for it: every correct engine produces the same path.

  mix(x): z = x + 0x9E3779B97F4A7C15 ; z = (z ^ z>>30) * 0xBF58476D1CE4E5B9 ;
          z = (z ^ z>>27) * 0x94D049BB133111EB ; return z ^ z>>31          (all mod 2^64)
  u(sector, slot)   = ((mix(mix(seed) ^ (sector*8 + slot)) >> 11) + 0.5) * 2^-53    in (0,1)
  draw(mean)        = -mean * ln(u)
  slot 0            = gap between the arrival of sector-1 and of this sector (sector 0: from t=0)
  slots 1..5        = service time at AP, PC1, PC2, C1, C2
"""
import math
import os

STAGES = ("AP", "PC1", "PC2", "C1", "C2")
SERVERS = (8, 240, 18, 2, 24)
MEAN_S = (300.0, 12600.0, 900.0, 60.0, 1200.0)
# 60 sectors an hour are 45 TiB a day of 32 GiB sectors; PEERS_GAP=0.001 is a burst.
GAP_S = float(os.environ.get("PEERS_GAP", "60"))
M64 = (1 << 64) - 1


def mix(x):
    z = (x + 0x9E3779B97F4A7C15) & M64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & M64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & M64
    return z ^ (z >> 31)


def draw(seed_mixed, sector, slot, mean):
    u = ((mix(seed_mixed ^ (sector * 8 + slot)) >> 11) + 0.5) * (2.0 ** -53)
    return -mean * math.log(u)


def erlang_c_wait(lam, mean, c):
    """Mean wait in queue of M/M/c (closed form), to judge the simulated wait."""
    a = lam * mean
    inv_b = 1.0
    for k in range(1, c + 1):
        inv_b = 1.0 + inv_b * k / a
    b = 1.0 / inv_b
    rho = a / c
    pw = b / (1 - rho * (1 - b))
    return pw * mean / (c * (1 - rho))


def report(name, n, makespan, sojourn_sum, waits, extra=""):
    # waits: total queueing seconds per stage
    print(f"{name} sectors={n} timed_events={6*n} makespan={makespan:.6f} mean_sojourn={sojourn_sum/n:.6f} "
          + " ".join(f"W_{s}={w/n:.6f}" for s, w in zip(STAGES, waits)) + (" " + extra if extra else ""))


if __name__ == "__main__":
    for s, m, c in zip(STAGES, MEAN_S, SERVERS):
        wait = erlang_c_wait(1 / GAP_S, m, c)
        print(f"{s:4} servers={c:4} rho={m / GAP_S / c:.3f} closed-form mean wait={wait:.3f} s")
