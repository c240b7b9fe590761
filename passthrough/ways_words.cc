#include <chrono>
#include <nlohmann/json.hpp>

#include "engine/commands/common.h"
#include "engine/engine.h"
#include "engine/process.h"
#include "engine/units.h"
#include "passthrough/console.h"
#include "passthrough/report.h"

// The ways to this machine that do not need its screen, as words and as a picture for a phone.

namespace lodge {
namespace {

// Cells of a terminal, by the program qrencode; "" where that is not installed.
std::string qr_code(const Host& host, const std::string& text) {
    const auto qrencode = host.program("qrencode");
    if (!qrencode) return "";
    Program program;
    program.argv = {*qrencode, "-t", "UTF8", "-m", "1", text};
    const Outcome outcome = run_program(program, std::chrono::seconds(10));
    return outcome.status == 0 ? outcome.output : "";
}

}  // namespace

Report show_ways(Engine& engine, const Values&) {
    const Host& host = engine.host;
    Inventory inventory;
    inventory.around = look_around(host);
    const OtherWays ways = other_ways(host, inventory, {});
    const auto sessions = ssh_sessions(host);
    const std::string port = ways.port == 22 ? "" : fmt::format("-p {} ", ways.port);
    std::string text, code;
    for (const std::string& address : ways.addresses)
        text += fmt::format("SSH          ssh {}{}, then: lodge\n", port, address);
    if (ways.addresses.empty())
        text += "SSH          no server listens on an address of this machine\n";
    for (const SshSession& session : sessions)
        text +=
            fmt::format("  proven     somebody is here by it, from {}\n", session.there.address);
    for (const std::string& line : ways.serial)
        text += fmt::format("Serial line  {}, where a login waits\n", line);
    if (ways.serial.empty()) text += "Serial line  a login waits on none\n";
    nlohmann::json value = {{"ssh", ways.addresses},
                            {"port", ways.port},
                            {"sessions", sessions.size()},
                            {"serial", ways.serial}};
    if (!ways.addresses.empty()) {
        const std::string& first = ways.addresses.front();
        const std::string host_part =
            first.find(':') == std::string::npos ? first : "[" + first + "]";
        const std::string link = fmt::format("ssh://{}{}", host_part,
                                             ways.port == 22 ? "" : fmt::format(":{}", ways.port));
        value["link"] = link;
        code = qr_code(host, link);
        text += "\n" + link + "\n";
        text += code.empty() ? "(as a QR code too, when qrencode is installed)\n" : code;
    }
    return {text, json_text(value)};
}

}  // namespace lodge
