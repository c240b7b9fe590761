#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lodge {

struct Engine;

// Bootstrap is how mmdebstrap builds a root filesystem from the sources that this machine's own apt
// has.
struct Bootstrap {
    std::string suite, ostype;
    std::string sources;  // lines of sources.list(5) for its standard input
    std::vector<std::string> include;
    bool minimal = false;  // what is essential only: no init, no network
    // Its command line; the file's ending says how it is packed.
    std::vector<std::string> argv(const std::string& file) const;
};

// Whether the text is "debian:SUITE", "ubuntu:SUITE" or "devuan:SUITE" and no storage has the name.
bool is_bootstrap_name(Engine& engine, std::string_view given);
// Throws Error: Exit::missing when there is no mmdebstrap or apt has no source for it.
Bootstrap plan_bootstrap(Engine& engine, const std::string& given,
                         const std::vector<std::string>& include, bool minimal);

// AptSource is one source of packages, of either format (sources.list(5)).
struct AptSource {
    std::string uri, suite;
    std::vector<std::string> components;
    std::string signed_by;  // a full path, "" for apt's own keys
};
// Sources of binary packages in the text of one file; `deb822` as its name *.sources says. Entries
// that are disabled or not understood are none.
std::vector<AptSource> parse_apt_sources(std::string_view text, bool deb822);
// The lines that make `suite` of what the machine has: its own sources of the suite and of its
// -updates and -security; where it has none, those of another suite at the same place. "" when no
// source is of the distribution ("debian", "ubuntu").
std::string sources_for(const std::vector<AptSource>& all, std::string_view distribution,
                        std::string_view suite);

// The configuration's word for a system's name: "Debian" is debian, others are unmanaged.
std::string ostype_of_name(std::string_view name);

}  // namespace lodge
