// SPDX-License-Identifier: Apache-2.0
// S4U program: one actor per sector, one Semaphore per station, sleep_for as the service.
#include "model.hpp"
#include <chrono>
#include <cstdlib>
#include <simgrid/s4u.hpp>
namespace sg = simgrid::s4u;
static sg::SemaphorePtr sem[5];
static uint64_t sm;
static double waits[5], soj;
static void sector(long i) {
    double t0 = sg::Engine::get_clock();
    for (int k = 0; k < 5; k++) {
        double asked = sg::Engine::get_clock();
        sem[k]->acquire();
        waits[k] += sg::Engine::get_clock() - asked;
        sg::this_actor::sleep_for(draw(sm, i, k + 1, MEAN_S[k]));
        sem[k]->release();
    }
    soj += sg::Engine::get_clock() - t0;
}
int main(int argc, char **argv) {
    sg::Engine e(&argc, argv);
    long n = argc > 1 ? atol(argv[1]) : 100000;
    sm = mix(argc > 2 ? strtoull(argv[2], nullptr, 10) : 1);
#ifdef SG4
    auto *zone = e.get_netzone_root()->add_netzone_full("z");
    auto *host = zone->add_host("h", 1e9);
#else
    auto *zone = sg::create_full_zone("z");
    auto *host = zone->create_host("h", 1e9);
#endif
    zone->seal();
    for (int k = 0; k < 5; k++)
        sem[k] = sg::Semaphore::create(SERVERS[k]);
#ifdef SG4
#define SPAWN(name, ...) host->add_actor(name, __VA_ARGS__)
#else
#define SPAWN(name, ...) sg::Actor::create(name, host, __VA_ARGS__)
#endif
    SPAWN("source", [n, host] {
        for (long i = 0; i < n; i++) {
            sg::this_actor::sleep_for(draw(sm, i, 0, GAP_S));
            SPAWN("s", sector, i);
        }
    });
    auto t = std::chrono::steady_clock::now();
    e.run();
    double dt = std::chrono::duration<double>(std::chrono::steady_clock::now() - t).count();
    report("simgrid-s4u", n, sg::Engine::get_clock(), soj, waits, dt);
}
