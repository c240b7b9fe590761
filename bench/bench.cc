// Measures what Lodge does for a living beside what people use today, in one run on this machine:
// JSON lines on the first argument's file, a readable table on standard output.

#include <algorithm>
#include <fstream>
#include <iostream>
#include <thread>

#include "bench/devices.h"
#include "bench/guests.h"
#include "bench/measure.h"
#include "bench/peers.h"
#include "bench/rootfs.h"
#include "bench/screen.h"
#include "engine/error.h"
#include "engine/units.h"

namespace lodge::bench {
namespace {

struct Bench {
    std::string lodge;  // path of the program
    Scratch scratch;
    Libvirt libvirt;
    bool peer = false;
    std::string peer_why_not;
    std::vector<Row> rows;

    std::vector<std::string> words(std::vector<std::string> of) const {
        of.insert(of.begin(), lodge);
        return of;
    }
};

// Alternating rounds, so that a machine that drifts drifts for all.
void measure_start(Bench& bench) {
    constexpr int id = 100, rounds = 15;
    Engine& engine = bench.scratch.engine();
    bench.scratch.add(id, 1);
    if (bench.peer) bench.libvirt.define(id, 1);
    Figures by_hand, lodge, lodge_over, virsh, virsh_over;
    for (int round = 0; round <= rounds; ++round) {
        const double hand = start_by_hand(engine, id);
        end_by_hand(engine, id);
        const double ours =
            time_program(bench.words({"guest", "start", std::to_string(id), "--quiet"}));
        time_program(bench.words({"guest", "stop", std::to_string(id), "--quiet", "--yes"}));
        if (round == 0) continue;  // warms the caches
        by_hand.add(hand);
        lodge.add(ours);
        lodge_over.add(ours - hand);
    }
    for (int round = 0; bench.peer && round <= rounds / 3; ++round) {
        const double hand = start_by_hand(engine, id);
        end_by_hand(engine, id);
        const double theirs = time_program(Libvirt::start(id));
        bench.libvirt.destroy(id);
        if (round == 0) continue;
        virsh.add(theirs);
        virsh_over.add(theirs - hand);
    }
    const std::string what = "start until QMP says running";
    bench.rows.push_back(
        {what, "by hand", by_hand, "", "the same command line, nothing around it"});
    bench.rows.push_back({what, "lodge", lodge, "", ""});
    bench.rows.push_back({what, "virsh", virsh, "", bench.peer_why_not});
    const std::string over = "start, beyond the same QEMU by hand";
    bench.rows.push_back({over, "lodge", lodge_over, "<= 15 ms", ""});
    bench.rows.push_back(
        {over, "virsh", virsh_over, "", bench.peer ? ">= 3x lodge's" : bench.peer_why_not});
    if (bench.peer) bench.libvirt.undefine(id, 1);
    bench.scratch.remove(id, 1);
}

Figures repeat(int rounds, const std::vector<std::string>& argv) {
    Figures figures;
    time_program(argv);
    for (int round = 0; round < rounds; ++round)
        figures.add(time_program(argv));
    return figures;
}

void measure_list(Bench& bench) {
    constexpr int first = 1000, count = 200, running = 10;
    bench.scratch.add(first, count);
    const auto before = processes();
    for (int i = 0; i < running; ++i)
        time_program(bench.words({"guest", "start", std::to_string(first + i), "--quiet"}));
    const std::string what = fmt::format("list {} guests, {} running", count, running);
    bench.rows.push_back(
        {what, "lodge", repeat(30, bench.words({"guest", "list"})), "<= 15 ms", ""});
    const auto others = left_behind(before);
    bench.rows.push_back({"what stays per running guest beyond QEMU",
                          "lodge",
                          {},
                          "",
                          others.empty() ? "no process" : join(others, ", ")});
    for (int i = 0; i < running; ++i)
        time_program(bench.words({"guest", "stop", std::to_string(first + i), "--quiet", "--yes"}));
    bench.scratch.remove(first, count);
    if (!bench.peer) return;
    bench.libvirt.define(first, count);
    for (int i = 0; i < running; ++i)
        time_program(Libvirt::start(first + i));
    Row row{what, "virsh", repeat(30, Libvirt::list()), "", ""};
    bench.rows.insert(bench.rows.end() - 1, row);
    for (int i = 0; i < running; ++i)
        bench.libvirt.destroy(first + i);
    bench.libvirt.undefine(first, count);
}

void measure_growth(Bench& bench) {
    constexpr int first = 2000;
    int made = 0;
    for (const int count : {10, 100, 1000}) {
        bench.scratch.add(first + made, count - made);
        made = count;
        bench.rows.push_back({fmt::format("list, {} stopped guests", count), "lodge",
                              repeat(20, bench.words({"guest", "list"})), "", ""});
    }
    bench.scratch.remove(first, made);
}

// The full screen beside programs that people leave open in a terminal.
void measure_screen(Bench& bench) {
    constexpr int first = 3000, running = 10;
    const std::vector<std::string> screen = {bench.lodge};
    int made = 0;
    const auto add = [&](std::vector<Row> rows) {
        bench.rows.insert(bench.rows.end(), rows.begin(), rows.end());
    };
    bench.scratch.add(first, running);
    made = running;
    add(screen_at_rest("screen, no guest runs, idle", screen, "0 bytes, <= 0.2 wakeups/s", {}));
    for (int i = 0; i < running; ++i)
        time_program(bench.words({"guest", "start", std::to_string(first + i), "--quiet"}));
    // In its first minute a guest's time counts in seconds, which is not rest.
    std::this_thread::sleep_for(std::chrono::seconds(61));
    add(screen_at_rest("screen, 10 guests run, idle", screen,
                       "<= 0.5 ms CPU/s, <= 1 wakeup/s, <= 200 bytes/s, <= 8 MiB", screen_peers()));
    for (int i = 0; i < running; ++i)
        time_program(bench.words({"guest", "stop", std::to_string(first + i), "--quiet", "--yes"}));
    for (const int count : {10, 100, 1000}) {
        bench.scratch.add(first + made, count - made);
        made = count;
        add(screen_start(fmt::format("screen, start to first frame, {} guests", count), screen,
                         count == 100 ? "<= 10 ms" : "",
                         count == 100 ? screen_peers() : std::vector<ScreenPeer>{}));
        add(screen_keys(fmt::format("screen, key to cells, {} guests", count), screen,
                        count == 1000 ? "<= 1 ms median, <= 5 ms worst" : "",
                        count == 1000 ? screen_peers() : std::vector<ScreenPeer>{}));
    }
    bench.scratch.remove(first, made);
}

}  // namespace
}  // namespace lodge::bench

int main(int argc, char** argv) {
    using namespace lodge;
    if (argc < 3) {
        std::cerr << "usage: lodge_bench LODGE RESULTS.jsonl "
                     "[start|list|growth|screen|rootfs|devices]...\n";
        return static_cast<int>(Exit::usage);
    }
    try {
        bench::Bench bench;
        bench.lodge = argv[1];
        bench.peer = bench::Libvirt::available(bench.peer_why_not);
        const std::vector<std::string> wanted(argv + 3, argv + argc);
        const auto wants = [&](std::string_view part) {
            return wanted.empty() || std::find(wanted.begin(), wanted.end(), part) != wanted.end();
        };
        if (wants("start")) bench::measure_start(bench);
        if (wants("list")) bench::measure_list(bench);
        if (wants("growth")) bench::measure_growth(bench);
        if (wants("screen")) bench::measure_screen(bench);
        if (wants("rootfs"))
            for (const bench::Row& row : bench::rootfs_rows())
                bench.rows.push_back(row);
        if (wants("devices"))
            for (const bench::Row& row : bench::device_rows())
                bench.rows.push_back(row);
        std::ofstream results(argv[2]);
        for (const bench::Row& row : bench.rows)
            results << json_line(row) << "\n";
        std::cout << bench::table(bench.rows);
        return results.good() ? 0 : 1;
    } catch (const std::exception& trouble) {
        std::cerr << "lodge_bench: " << trouble.what() << "\n";
        return 1;
    }
}
