#include "engine/template/bootstrap.h"

#include <algorithm>
#include <map>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"

namespace lodge {
namespace {

constexpr std::string_view distributions[] = {"debian", "ubuntu", "devuan"};
// A guest boots with these, and gets its address.
constexpr std::string_view usual_packages[] = {"init", "ifupdown", "isc-dhcp-client", "iproute2",
                                               "netbase"};

bool is_suite(std::string_view suite) {
    return !suite.empty() && suite.size() <= 64 &&
           std::all_of(suite.begin(), suite.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                      c == '_';
           });
}

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    for (const std::string& word : split(text, ' '))
        if (!trim(word).empty()) words.emplace_back(trim(word));
    return words;
}

// "deb [arch=amd64 signed-by=/x.gpg] http://host/debian bookworm main contrib"
void parse_line(std::string line, std::vector<AptSource>& all) {
    line = line.substr(0, line.find('#'));
    std::replace(line.begin(), line.end(), '\t', ' ');
    AptSource source;
    const auto open = line.find('['), close = line.find(']');
    if (open != std::string::npos && close != std::string::npos && close > open) {
        for (const std::string& option : words_of(line.substr(open + 1, close - open - 1)))
            if (option.rfind("signed-by=/", 0) == 0) source.signed_by = option.substr(10);
        line.erase(open, close - open + 1);
    }
    const auto words = words_of(line);
    if (words.size() < 3 || words[0] != "deb") return;
    source.uri = words[1];
    source.suite = words[2];
    source.components.assign(words.begin() + 3, words.end());
    all.push_back(std::move(source));
}

// A paragraph of deb822: "Types: deb", "URIs: …", "Suites: …", "Components: …".
void add_paragraph(const std::map<std::string, std::string>& fields, std::vector<AptSource>& all) {
    const auto field = [&](const char* name) {
        const auto found = fields.find(name);
        return found == fields.end() ? std::string() : found->second;
    };
    const auto types = words_of(field("types"));
    if (std::find(types.begin(), types.end(), "deb") == types.end()) return;
    if (field("enabled") == "no") return;
    std::string key(trim(field("signed-by")));
    if (key.empty() || key.front() != '/' || key.find('\n') != std::string::npos) key.clear();
    for (const std::string& uri : words_of(field("uris")))
        for (const std::string& suite : words_of(field("suites")))
            all.push_back({uri, suite, words_of(field("components")), key});
}

// Whether the address is one of the distribution's: "…/debian", "…/debian-security".
bool is_of(const AptSource& source, std::string_view distribution) {
    for (const std::string& part : split(source.uri, '/'))
        if (part == distribution ||
            (part.rfind(distribution, 0) == 0 && part.size() > distribution.size() &&
             part[distribution.size()] == '-'))
            return true;
    return false;
}

std::string line_of(const AptSource& source, std::string_view suite) {
    return fmt::format(
        "deb {}{} {} {}\n",
        source.signed_by.empty() ? "" : fmt::format("[signed-by={}] ", source.signed_by),
        source.uri, suite, join(source.components, " "));
}

}  // namespace

std::vector<AptSource> parse_apt_sources(std::string_view text, bool deb822) {
    std::vector<AptSource> all;
    if (!deb822) {
        for (const std::string& line : split(text, '\n'))
            parse_line(line, all);
        return all;
    }
    std::map<std::string, std::string> fields;
    std::string last;
    for (std::string line : split(std::string(text) + "\n\n", '\n')) {
        if (!line.empty() && line.front() == '#') continue;
        if (trim(line).empty()) {
            add_paragraph(fields, all);
            fields.clear();
            continue;
        }
        if (line.front() == ' ' || line.front() == '\t') {
            fields[last] += " " + std::string(trim(line));
            continue;
        }
        const auto colon = line.find(':');
        if (colon == std::string::npos) continue;
        last = line.substr(0, colon);
        std::transform(last.begin(), last.end(), last.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        fields[last] = trim(std::string_view(line).substr(colon + 1));
    }
    return all;
}

std::string sources_for(const std::vector<AptSource>& all, std::string_view distribution,
                        std::string_view suite) {
    std::string lines, similar;
    bool main = false;
    for (const AptSource& source : all) {
        if (!is_of(source, distribution)) continue;
        const std::string name(suite);
        const bool own = source.suite == name;
        if (own || source.suite == name + "-updates" || source.suite == name + "-security")
            lines += line_of(source, source.suite);
        main |= own;
        // The place of another suite of the distribution itself, not of its security updates.
        if (similar.empty() && source.suite.find_first_of("-/") == std::string::npos)
            similar = line_of(source, suite);
    }
    return main ? lines : similar;
}

std::vector<std::string> Bootstrap::argv(const std::string& file) const {
    std::vector<std::string> words = {"mmdebstrap",
                                      minimal ? "--variant=essential" : "--variant=minbase"};
    std::vector<std::string> packages;
    if (!minimal) packages.assign(std::begin(usual_packages), std::end(usual_packages));
    packages.insert(packages.end(), include.begin(), include.end());
    if (!packages.empty()) words.push_back("--include=" + join(packages, ","));
    for (const std::string& word : {suite, file, std::string("-")})
        words.push_back(word);
    return words;
}

bool is_bootstrap_name(Engine& engine, std::string_view given) {
    const auto colon = given.find(':');
    if (colon == std::string_view::npos || !is_suite(given.substr(colon + 1))) return false;
    const std::string_view name = given.substr(0, colon);
    for (const auto& storage : engine.storages.all())
        if (storage->id() == name) return false;
    return std::find(std::begin(distributions), std::end(distributions), name) !=
           std::end(distributions);
}

Bootstrap plan_bootstrap(Engine& engine, const std::string& given,
                         const std::vector<std::string>& include, bool minimal) {
    const Host& host = engine.host;
    (void)host.need_program("mmdebstrap");
    const auto colon = given.find(':');
    Bootstrap build;
    build.ostype = given.substr(0, colon);
    build.suite = given.substr(colon + 1);
    build.include = include;
    build.minimal = minimal;
    for (const std::string& package : include)
        if (!is_suite(package))
            fail(Exit::usage, "'{}' is no name of a package", printable(package));
    std::vector<AptSource> all;
    const auto read = [&](const std::string& path) {
        const auto found =
            parse_apt_sources(host.read(path).value_or(""), path.ends_with(".sources"));
        all.insert(all.end(), found.begin(), found.end());
    };
    read(host.system("/etc/apt/sources.list"));
    const std::string folder = host.system("/etc/apt/sources.list.d");
    for (const std::string& name : host.list(folder))
        if (name.ends_with(".list") || name.ends_with(".sources")) read(folder + "/" + name);
    build.sources = sources_for(all, build.ostype, build.suite);
    if (build.sources.empty())
        fail(Exit::missing,
             "cannot build {}: apt on this machine has no source of {} (/etc/apt/sources.list.d)",
             printable(given), build.ostype);
    return build;
}

std::string ostype_of_name(std::string_view name) {
    std::string small;
    for (const char c : name)
        small += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    for (const std::string_view known : {"debian", "ubuntu", "devuan", "alpine", "archlinux",
                                         "fedora", "centos", "opensuse", "gentoo", "nixos"})
        if (small == known) return small;
    if (small == "rockylinux" || small == "almalinux" || small == "oracle") return "centos";
    return "unmanaged";
}

}  // namespace lodge
