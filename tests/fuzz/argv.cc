#include "engine/vm/argv.h"

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/error.h"
#include "engine/store.h"
#include "engine/units.h"
#include "engine/vm/cloudinit.h"

// A configuration as QEMU's command line and as a cloud-init seed: an Error is an answer, a crash
// is not, and no two devices get one id or one place.
namespace {

using namespace lodge;

void expect(bool right, const char* what, std::string_view detail) {
    if (right) return;
    std::cerr << what << ": " << detail << "\n";
    std::abort();
}

MachineFacts facts_for(const Config& config, bool rich) {
    MachineFacts facts;
    facts.run_folder = "/run/lodge/guest/101";
    facts.log_folder = "/var/lib/lodge/log/101";
    facts.kvm = facts.root = facts.vhost_net = rich;
    facts.io_uring = !rich;
    facts.swtpm = "/usr/bin/swtpm";
    facts.virtiofsd = "/usr/lib/qemu/virtiofsd";
    for (const auto& [key, value] : config.current.entries()) {
        const auto parts = config.properties(key);
        if (!parts) continue;
        if (parts->has("file")) facts.volumes[parts->text("file")] = {"/img/" + key, "raw"};
        if (parts->has("bridge")) facts.bridges.push_back(parts->text("bridge"));
        if (parts->has("dirid")) facts.directory_mappings[parts->text("dirid")] = "/srv";
    }
    return facts;
}

void check(const VmCommand& command) {
    std::set<std::string> ids, places, numbers;
    for (size_t i = 0; i + 1 < command.argv.size(); ++i) {
        if (command.argv[i] == "-args") return;
        if (command.argv[i] != "-device") continue;
        std::string bus, addr;
        for (const std::string& part : split(command.argv[i + 1], ',')) {
            if (part.starts_with("id=")) expect(ids.insert(part).second, "an id twice", part);
            if (part.starts_with("bus=")) bus = part;
            if (part.starts_with("addr=")) addr = part;
        }
        if (!addr.empty()) expect(places.insert(bus + addr).second, "a place twice", bus + addr);
    }
    for (const Handover& handover : command.handovers)
        expect(numbers.insert(std::to_string(handover.number)).second, "a descriptor twice",
               handover.path);
}

void run(const std::string& text, bool rich) {
    const Config config = Config::parse(text, vm_schema(), "101.conf");
    try {
        const VmCommand command = vm_command(config, 101, facts_for(config, rich));
        if (!config.current.has("args")) check(command);
    } catch (const Error&) {
    }
    try {
        iso_image(cloudinit_seed(config, 101, {}));
    } catch (const Error&) {
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    run(text, true);
    run(text, false);
    return 0;
}
