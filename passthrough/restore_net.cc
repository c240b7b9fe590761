#include <chrono>
#include <thread>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/process.h"
#include "engine/units.h"
#include "passthrough/handed.h"

// A network card that came back is an interface that nobody set up: what it was before is done
// again. Whatever the machine's own network software does to it stays.

namespace lodge {
namespace {

bool ip(Work& work, std::vector<std::string> words) {
    Program program;
    program.argv = {work.engine().host.need_program("ip")};
    program.argv.insert(program.argv.end(), words.begin(), words.end());
    const Outcome outcome = run_program(program, std::chrono::seconds(20));
    if (outcome.status == 0) return true;
    // What is so already is no trouble.
    if (outcome.trouble.find("File exists") != std::string::npos) return true;
    work.say(fmt::format("warning: {}: {}", shell_line(words), printable(trim(outcome.trouble))));
    return false;
}

}  // namespace

void restore_net(Work& work, const HandedNet& net) {
    const Host& host = work.engine().host;
    const std::string sys = host.system("/sys/class/net/" + net.name);
    // udev gives it its name a moment after the driver made it.
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!host.exists(sys) && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (!host.exists(sys)) {
        work.say(fmt::format("warning: the interface {} did not come back by that name",
                             printable(net.name)));
        return;
    }
    if (net.mtu > 0 && host.read_line(sys + "/mtu") != std::to_string(net.mtu))
        ip(work, {"link", "set", "dev", net.name, "mtu", std::to_string(net.mtu)});
    if (!net.master.empty()) ip(work, {"link", "set", "dev", net.name, "master", net.master});
    if (!net.up) return;
    ip(work, {"link", "set", "dev", net.name, "up"});
    for (const std::string& address : net.addresses)
        ip(work, {"address", "add", address, "dev", net.name});
    for (const std::string& gateway : net.gateways) {
        std::vector<std::string> words = {"route", "append", "default", "dev", net.name, "via"};
        for (const std::string& word : split(gateway, ' '))
            words.push_back(word);
        ip(work, words);
    }
}

}  // namespace lodge
