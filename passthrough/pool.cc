#include "passthrough/pool.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "engine/boot_unit.h"
#include "engine/checks.h"
#include "engine/error.h"
#include "engine/host.h"
#include "engine/units.h"
#include "passthrough/sriov.h"
#include "passthrough/wishes.h"

namespace lodge {
namespace {

std::string mapping_path(const Host& host, std::string_view kind) {
    return fmt::format("{}/mapping/{}.cfg", host.config_folder(), kind);
}

std::string node_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
    const std::string whole = name.data();
    return whole.substr(0, whole.find('.'));
}

}  // namespace

std::string with_mapping(std::string_view text, const std::string& name,
                         const std::vector<std::string>& lines) {
    std::string all;
    bool own = false;
    for (const std::string& line : split(text, '\n')) {
        const bool indented = !line.empty() && (line[0] == ' ' || line[0] == '\t');
        const std::string_view words = trim(line);
        if (!indented && !words.empty() && words[0] != '#') own = words == name;
        if (!own) all += line + "\n";
    }
    const size_t last = all.find_last_not_of('\n');
    all.resize(last == std::string::npos ? 0 : last + 1);
    if (!all.empty()) all += "\n\n";
    all += name + "\n";
    for (const std::string& line : lines)
        all += "\tmap " + line + "\n";
    return all;
}

void plan_pool(const Host& host, const PciFunction& card, const std::string& name, int64_t count,
               Plan& plan) {
    if (const std::string wrong = checks::identifier(name); !wrong.empty())
        fail(Exit::usage, "'{}' is no name of a mapping: {}", printable(name), wrong);
    if (count < 1)
        fail(Exit::refused,
             "{} is to have no virtual functions: there is nothing to make a pool of",
             short_address(card.address));
    const std::string folder = host.system("/sys/bus/pci/devices/" + card.address);
    std::string ids =
        fmt::format("{:04x}:{}", card.vendor, host.read_line(folder + "/sriov_vf_device"));
    std::vector<std::string> lines;
    for (const std::string& address : vf_addresses(host, card, static_cast<int>(count)))
        lines.push_back(fmt::format("id={},node={},path={}", ids, node_name(), address));
    const std::string path = mapping_path(host, "pci");
    plan_write(plan, host, path, with_mapping(host.read(path).value_or(""), name, lines),
               fmt::format("the mapping {} is any of them that is free", name));
}

bool has_mapping(const Host& host, std::string_view kind, std::string_view name) {
    const auto all = read_mappings(host.read(mapping_path(host, kind)).value_or(""));
    return std::any_of(all.begin(), all.end(), [&](const Mapped& one) { return one.name == name; });
}

}  // namespace lodge
