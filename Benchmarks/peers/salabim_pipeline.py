# SPDX-License-Identifier: Apache-2.0
import sys, time
import salabim as sim
from model import STAGES, SERVERS, MEAN_S, GAP_S, mix, draw, report

sim.yieldless(False)


def main(n, seed):
    env = sim.Environment(trace=False)
    res = [sim.Resource(s, capacity=c, monitor=False) for s, c in zip(STAGES, SERVERS)]
    for r in res:
        for m in (r.requesters(), r.claimers()):
            m.length.monitor(False)
            m.length_of_stay.monitor(False)
        for m in (r.occupancy, r.claimed_quantity, r.available_quantity, r.capacity):
            m.monitor(False)
    sm = mix(seed)
    waits = [0.0] * 5
    sojourn = [0.0]

    class Sector(sim.Component):
        def setup(self, i):
            self.i = i

        def process(self):
            t0 = env.now()
            for k in range(5):
                asked = env.now()
                yield self.request(res[k])
                waits[k] += env.now() - asked
                yield self.hold(draw(sm, self.i, k + 1, MEAN_S[k]))
                self.release(res[k])
            sojourn[0] += env.now() - t0

    class Source(sim.Component):
        def process(self):
            for i in range(n):
                yield self.hold(draw(sm, i, 0, GAP_S))
                Sector(i=i)

    Source()
    t = time.perf_counter()
    env.run()
    dt = time.perf_counter() - t
    report("salabim-" + sim.__version__, n, env.now(), sojourn[0], waits,
           f"run_s={dt:.3f} timed_ev_per_s={6*n/dt:.0f}")


main(int(sys.argv[1]) if len(sys.argv) > 1 else 100000, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
