#include <algorithm>

#include "engine/storage/ovf.h"
#include "engine/units.h"

// What an appliance's package holds, by its manifest.

namespace lodge {
namespace {

constexpr size_t most_items = 1000;

}  // namespace

bool is_member_name(std::string_view name) {
    if (name.empty() || name.size() > 1024 || name.front() == '/') return false;
    if (name.find("://") != std::string_view::npos || name.find('\\') != std::string_view::npos)
        return false;
    for (const char c : name)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
    const auto parts = split(name, '/');
    return std::none_of(parts.begin(), parts.end(),
                        [](const std::string& part) { return part.empty() || part == ".."; });
}

std::vector<ManifestSum> parse_manifest(std::string_view content) {
    std::vector<ManifestSum> sums;
    for (const std::string& raw : split(content, '\n')) {
        const std::string_view line = trim(raw);
        const auto open = line.find('(');
        const auto close = line.rfind(')');
        const auto equals = line.rfind('=');
        if (open == std::string_view::npos || close == std::string_view::npos ||
            equals == std::string_view::npos || close < open || equals < close)
            continue;
        ManifestSum sum;
        for (const char c : trim(line.substr(0, open)))
            if (c != '-') sum.algorithm += c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
        sum.file = line.substr(open + 1, close - open - 1);
        for (const char c : trim(line.substr(equals + 1)))
            sum.sum += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        const bool known =
            sum.algorithm == "SHA1" || sum.algorithm == "SHA256" || sum.algorithm == "SHA512";
        if (known && is_member_name(sum.file) && !sum.sum.empty() && sums.size() < most_items)
            sums.push_back(std::move(sum));
    }
    return sums;
}

}  // namespace lodge
