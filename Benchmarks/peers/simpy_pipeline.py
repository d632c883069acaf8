# SPDX-License-Identifier: Apache-2.0
import sys, time
import simpy
from model import STAGES, SERVERS, MEAN_S, GAP_S, mix, draw, report


def main(n, seed):
    env = simpy.Environment()
    stations = [simpy.Resource(env, c) for c in SERVERS]
    sm = mix(seed)
    waits = [0.0] * 5
    sojourn = [0.0]

    def sector(i):
        t0 = env.now
        for k in range(5):
            asked = env.now
            with stations[k].request() as req:
                yield req
                waits[k] += env.now - asked
                yield env.timeout(draw(sm, i, k + 1, MEAN_S[k]))
        sojourn[0] += env.now - t0

    def source():
        for i in range(n):
            yield env.timeout(draw(sm, i, 0, GAP_S))
            env.process(sector(i))

    env.process(source())
    t = time.perf_counter()
    env.run()
    dt = time.perf_counter() - t
    kernel = next(env._eid)  # how many events the kernel queued
    report("simpy-" + simpy.__version__, n, env.now, sojourn[0], waits,
           f"kernel_events={kernel} run_s={dt:.3f} timed_ev_per_s={6*n/dt:.0f}")


main(int(sys.argv[1]) if len(sys.argv) > 1 else 100000, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
