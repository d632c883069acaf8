// SPDX-License-Identifier: Apache-2.0
// Not a product: a hand-written event loop (binary heap, no actors), the practical ceiling of one
// core for this model.
#include "model.hpp"
#include <chrono>
#include <cstdlib>
#include <deque>
#include <queue>
#include <vector>
struct Ev {
    double t;
    uint64_t seq;
    int64_t sector;
    int slot;
};
struct Later {
    bool operator()(const Ev &a, const Ev &b) const {
        return a.t != b.t ? a.t > b.t : a.seq > b.seq;
    }
};
int main(int argc, char **argv) {
    long n = argc > 1 ? atol(argv[1]) : 100000;
    uint64_t sm = mix(argc > 2 ? strtoull(argv[2], nullptr, 10) : 1), seq = 0;
    std::priority_queue<Ev, std::vector<Ev>, Later> q;
    std::deque<std::pair<int64_t, double>> wait[5];
    int busy[5] = {0};
    std::vector<double> born(n);
    double waits[5] = {0}, soj = 0, now = 0;
    auto start = [&](int k, int64_t i) {
        q.push({now + draw(sm, i, k + 1, MEAN_S[k]), seq++, i, k + 1});
    };
    auto enter = [&](int k, int64_t i) {
        if (busy[k] < SERVERS[k]) {
            busy[k]++;
            start(k, i);
        } else
            wait[k].push_back({i, now});
    };
    auto t = std::chrono::steady_clock::now();
    if (n)
        q.push({draw(sm, 0, 0, GAP_S), seq++, 0, 0});
    while (!q.empty()) {
        Ev e = q.top();
        q.pop();
        now = e.t;
        if (e.slot == 0) {
            born[e.sector] = now;
            enter(0, e.sector);
            if (e.sector + 1 < n)
                q.push({now + draw(sm, e.sector + 1, 0, GAP_S), seq++, e.sector + 1, 0});
        } else {
            int k = e.slot - 1;
            if (wait[k].empty())
                busy[k]--;
            else {
                auto [i, since] = wait[k].front();
                wait[k].pop_front();
                waits[k] += now - since;
                start(k, i);
            }
            if (k < 4)
                enter(k + 1, e.sector);
            else
                soj += now - born[e.sector];
        }
    }
    double dt = std::chrono::duration<double>(std::chrono::steady_clock::now() - t).count();
    report("ceiling-c++", n, now, soj, waits, dt);
}
