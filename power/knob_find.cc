#include "power/knob_find.h"

#include <algorithm>

#include "engine/units.h"
#include "power/kernel.h"

namespace lodge::find {

std::string common_value(const Host& host, std::vector<std::string>& files) {
    std::string common;
    std::vector<std::string> readable;
    for (const std::string& file : files) {
        const auto content = kernel::read(host, file);
        if (!content) continue;
        const std::string value = kernel::chosen(*content);
        if (readable.empty())
            common = value;
        else if (value != common)
            common = "mixed";
        readable.push_back(file);
    }
    files = std::move(readable);
    return common;
}

void words_in(const Host& host, Knobs& into, const std::string& file,
              std::vector<std::string> allowed, const std::string& thrifty) {
    Knob knob;
    knob.files = {file};
    knob.value = common_value(host, knob.files);
    if (knob.files.empty()) return;
    knob.allowed = std::move(allowed);
    knob.thrifty = thrifty;
    into.push_back(std::move(knob));
}

std::vector<std::string> numbered(const Host& host, const std::string& folder,
                                  const std::string& stem) {
    std::vector<std::pair<int64_t, std::string>> found;
    for (const std::string& name : kernel::list(host, folder)) {
        if (!name.starts_with(stem)) continue;
        const auto number = parse_integer(std::string_view(name).substr(stem.size()));
        if (number && *number >= 0) found.emplace_back(*number, folder + "/" + name);
    }
    std::sort(found.begin(), found.end());
    std::vector<std::string> paths;
    for (auto& [number, path] : found)
        paths.push_back(std::move(path));
    return paths;
}

std::string first_allowed(const std::vector<std::string>& wanted,
                          const std::vector<std::string>& allowed) {
    for (const std::string& word : wanted)
        if (std::find(allowed.begin(), allowed.end(), word) != allowed.end()) return word;
    return "";
}

}  // namespace lodge::find
