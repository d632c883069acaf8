// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdio>
static const char *STAGES[5] = {"AP", "PC1", "PC2", "C1", "C2"};
static const int SERVERS[5] = {8, 240, 18, 2, 24};
static const double MEAN_S[5] = {300, 12600, 900, 60, 1200};
// PEERS_GAP=0.001 makes a burst: nearly every sector is alive at once (memory per live process)
#include <cstdlib>
static const double GAP_S = std::getenv("PEERS_GAP") ? std::atof(std::getenv("PEERS_GAP")) : 60;
static inline uint64_t mix(uint64_t x) {
    uint64_t z = x + 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}
static inline double draw(uint64_t sm, uint64_t sector, uint64_t slot, double mean) {
    double u = (double(mix(sm ^ (sector * 8 + slot)) >> 11) + 0.5) * 0x1p-53;
    return -mean * std::log(u);
}
static inline void report(const char *name, long n, double makespan, double soj, const double *w,
                          double dt) {
    std::printf("%s sectors=%ld timed_events=%ld makespan=%.6f mean_sojourn=%.6f", name, n, 6 * n,
                makespan, soj / n);
    for (int k = 0; k < 5; k++)
        std::printf(" W_%s=%.6f", STAGES[k], w[k] / n);
    std::printf(" run_s=%.3f timed_ev_per_s=%.0f\n", dt, 6 * n / dt);
}
