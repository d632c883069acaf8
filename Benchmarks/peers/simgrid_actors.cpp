// SPDX-License-Identifier: Apache-2.0
// S4U, message style: one actor per server (292 actors), a sector is a message handed from mailbox
// to mailbox through MessageQueue-like mailboxes with zero-byte puts.  Closer to how a real sealing
// cluster is built than simgrid_pipeline.cpp.
#include "model.hpp"
#include <chrono>
#include <cstdlib>
#include <simgrid/s4u.hpp>
#include <vector>
namespace sg = simgrid::s4u;
static uint64_t sm;
static double waits[5], soj;
static std::vector<double> born, asked;
int main(int argc, char **argv) {
    sg::Engine e(&argc, argv);
    long n = argc > 1 ? atol(argv[1]) : 100000;
    sm = mix(argc > 2 ? strtoull(argv[2], nullptr, 10) : 1);
    born.resize(n);
    asked.resize(n);
#ifdef SG4
    auto *zone = e.get_netzone_root()->add_netzone_full("z");
    auto *host = zone->add_host("h", 1e9);
    auto *lo = zone->add_link("lo", 1e15)
                   ->set_latency(0)
                   ->set_sharing_policy(sg::Link::SharingPolicy::FATPIPE);
#define SPAWN(name, ...) host->add_actor(name, __VA_ARGS__)
#else
    auto *zone = sg::create_full_zone("z");
    auto *host = zone->create_host("h", 1e9);
    auto *lo = zone->create_link("lo", 1e15)
                   ->set_latency(0)
                   ->set_sharing_policy(sg::Link::SharingPolicy::FATPIPE);
#define SPAWN(name, ...) sg::Actor::create(name, host, __VA_ARGS__)
#endif
    zone->add_route(host->get_netpoint(), host->get_netpoint(), nullptr, nullptr,
                    {sg::LinkInRoute(lo)});
    zone->seal();
    std::vector<sg::Mailbox *> box;
    for (int k = 0; k < 5; k++)
        box.push_back(sg::Mailbox::by_name(STAGES[k]));
    for (int k = 0; k < 5; k++)
        for (int s = 0; s < SERVERS[k]; s++)
            SPAWN("server", [k, &box] {
                while (true) {
                    auto *id = box[k]->get<long>();
                    double now = sg::Engine::get_clock();
                    waits[k] += now - asked[*id];
                    sg::this_actor::sleep_for(draw(sm, *id, k + 1, MEAN_S[k]));
                    asked[*id] = sg::Engine::get_clock();
                    if (k < 4)
                        box[k + 1]->put_init(id, 0)->detach();
                    else {
                        soj += sg::Engine::get_clock() - born[*id];
                        delete id;
                    }
                }
            })->daemonize();
    SPAWN("source", [n, &box] {
        for (long i = 0; i < n; i++) {
            sg::this_actor::sleep_for(draw(sm, i, 0, GAP_S));
            born[i] = asked[i] = sg::Engine::get_clock();
            box[0]->put_init(new long(i), 0)->detach();
        }
        sg::this_actor::sleep_for(1e8); // let the line drain (costs one event; makespan is not
                                        // meaningful in this variant)
    });
    auto t = std::chrono::steady_clock::now();
    e.run();
    double dt = std::chrono::duration<double>(std::chrono::steady_clock::now() - t).count();
    report("simgrid-s4u-messages", n, sg::Engine::get_clock(), soj, waits, dt);
}
