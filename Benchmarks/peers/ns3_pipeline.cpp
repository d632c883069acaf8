// SPDX-License-Identifier: Apache-2.0
// ns-3 core: callback events (Simulator::Schedule), 1 ns clock.  Times are rounded to ns, so the
// path agrees to about 1e-6.
#include "model.hpp"
#include "ns3/core-module.h"
#include <chrono>
#include <cstdlib>
#include <deque>
#include <vector>
using namespace ns3;
static std::deque<std::pair<int64_t, double>> waiting[5];
static int busy[5];
static uint64_t sm;
static long n;
static std::vector<double> born;
static double waits[5], soj;
static double now() { return Simulator::Now().GetSeconds(); }
static void done(int k, int64_t i);
static void start(int k, int64_t i) {
    Simulator::Schedule(Seconds(draw(sm, i, k + 1, MEAN_S[k])), &done, k, i);
}
static void enter(int k, int64_t i) {
    if (busy[k] < SERVERS[k]) {
        busy[k]++;
        start(k, i);
    } else
        waiting[k].push_back({i, now()});
}
static void done(int k, int64_t i) {
    if (waiting[k].empty())
        busy[k]--;
    else {
        auto [j, since] = waiting[k].front();
        waiting[k].pop_front();
        waits[k] += now() - since;
        start(k, j);
    }
    if (k < 4)
        enter(k + 1, i);
    else
        soj += now() - born[i];
}
static void arrive(int64_t i) {
    born[i] = now();
    enter(0, i);
    if (i + 1 < n)
        Simulator::Schedule(Seconds(draw(sm, i + 1, 0, GAP_S)), &arrive, i + 1);
}
int main(int argc, char **argv) {
    n = argc > 1 ? atol(argv[1]) : 100000;
    sm = mix(argc > 2 ? strtoull(argv[2], nullptr, 10) : 1);
    born.resize(n);
    Simulator::Schedule(Seconds(draw(sm, 0, 0, GAP_S)), &arrive, (int64_t)0);
    auto t = std::chrono::steady_clock::now();
    Simulator::Run();
    double dt = std::chrono::duration<double>(std::chrono::steady_clock::now() - t).count(),
           end = now();
    report("ns3-core", n, end, soj, waits, dt);
    Simulator::Destroy();
}
