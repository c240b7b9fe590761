#pragma once

#include <fcntl.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/state.h"
#include "engine/state/machine_eyes.h"
#include "power/senses.h"
#include "tests/support/scratch.h"

namespace lodge {

// Sensor chips that read what a test says.
class FakeChips : public SensorSource {
  public:
    explicit FakeChips(const std::vector<SensorView>& readings) : readings_(readings) {}
    std::vector<SensorView> read(bool all) override {
        std::vector<SensorView> seen = readings_;
        if (!all)
            std::erase_if(seen,
                          [](const SensorView& one) { return !one.chip.starts_with("core"); });
        return seen;
    }

  private:
    const std::vector<SensorView>& readings_;
};

class NoPackages : public PackageCounters {
  public:
    Reading read() override { return {}; }
    std::string source() const override { return ""; }
    std::string trouble() const override { return "none in this test"; }
};

// FakeMachine is a machine whose kernel files a test writes, seen by the eyes of the real one. Time
// passes when the test says so.
class FakeMachine {
  public:
    FakeMachine() : host(places()), engine(host, all_actions(), guest_kinds()) {
        put("/proc/sys/kernel/random/boot_id", "boot-1\n");
        put("/proc/sys/kernel/hostname", "minipc01\n");
        put("/proc/sys/kernel/osrelease", "6.1.0\n");
        put("/proc/uptime", "1000.50 1500.00\n");
        put("/proc/loadavg", "0.42 0.30 0.21 1/100 4242\n");
        put("/proc/meminfo",
            "MemTotal: 16000 kB\nMemFree: 1 kB\nMemAvailable: 6000 kB\nSwapTotal: 100 kB\n"
            "SwapFree: 60 kB\n");
        processor_time(100, 900);
        links({});
        put("/proc/diskstats", "");
    }

    // A file of the kernel; written in place, as a descriptor that is open sees it. Not emptied
    // first: ext4 takes that for a replacement and writes it to the disk.
    void put(const std::string& path, const std::string& content) const {
        const std::string file = host.system(path);
        const auto open = [&] {
            return Fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
        };
        Fd fd = open();
        if (!fd) {
            host.make_folder(file.substr(0, file.rfind('/')));
            fd = open();
        }
        const auto size = static_cast<ssize_t>(content.size());
        if (::pwrite(fd.get(), content.data(), content.size(), 0) != size ||
            ::ftruncate(fd.get(), size) != 0)
            fail_errno(errno, "cannot write " + file);
    }
    void processor_time(int busy, int idle) const {
        put("/proc/stat", fmt::format("cpu  {0} 0 0 {1} 0 0 0 0 0 0\ncpu0 {0} 0 0 {1} 0 0 0 0 0 0\n"
                                      "intr 1 2 3\n",
                                      busy, idle));
    }
    struct Link {
        std::string name;
        int received = 0, sent = 0;
    };
    void links(const std::vector<Link>& links) const {
        std::string text = "Inter-|   Receive\n face |bytes\n";
        for (const Link& link : links)
            text += fmt::format("{:>6}: {} 1 0 0 0 0 0 0 {} 1 0 0 0 0 0 0\n", link.name,
                                link.received, link.sent);
        put("/proc/net/dev", text);
    }
    void guest(int id, const std::string& config) const {
        host.write_volatile(engine.store.path("qemu-server", id), config);
    }
    // What a guest's process has used: ticks of processor time, pages, bytes.
    void process(int pid, int ticks, int pages, int read, int written) const {
        const std::string folder = "/proc/" + std::to_string(pid);
        put(folder + "/stat",
            fmt::format("{} (qemu (a) b) S 1 1 1 0 -1 0 0 0 0 0 {} 0 0 0 20 0 5 0 "
                        "50000 1 1\n",
                        pid, ticks));
        put(folder + "/statm", fmt::format("9999 {} 1 1 0 1 0\n", pages));
        put(folder + "/io", fmt::format("rchar: 1\nwchar: 1\nsyscr: 1\nsyscw: 1\nread_bytes: {}\n"
                                        "write_bytes: {}\ncancelled_write_bytes: 7\n",
                                        read, written));
    }
    void run(int id, int pid) const {
        const std::string folder = guest_run_folder(host, id);
        host.write_volatile(folder + "/about", "kvm 1\nstarted 1\n");
        host.write_volatile(folder + "/pid", std::to_string(pid) + " 50000 boot-1\n");
    }
    void end(int id, int pid) const {
        std::filesystem::remove_all(host.system("/proc/" + std::to_string(pid)));
        std::filesystem::remove_all(guest_run_folder(host, id));
    }

    std::unique_ptr<MachineEyes> eyes() {
        return std::make_unique<MachineEyes>(
            engine, [this] { return now; },
            std::make_unique<PowerSenses>(host, std::make_unique<FakeChips>(chips),
                                          std::make_unique<NoPackages>(), true));
    }
    void pass(std::chrono::milliseconds time) { now += time; }

    ScratchFolder scratch;
    Host host;
    Engine engine;
    std::vector<SensorView> chips;
    std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now();

  private:
    Host::Places places() const {
        Host::Places places = ScratchEngine::places(scratch.path());
        places.sysroot = scratch.path() + "/machine";
        return places;
    }
};

}  // namespace lodge
