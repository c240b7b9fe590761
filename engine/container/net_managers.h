#pragma once

#include <string>
#include <vector>

#include "engine/container/net.h"

namespace lodge {

// CtNames is where a container asks for names.
struct CtNames {
    std::vector<std::string> servers, search;
};

// The files of the program that sets up the cards inside, one of CtSystem::Manager; pure.
std::vector<CtFile> manager_files(const CtSystem& system, const std::vector<CtCard>& cards,
                                  const CtNames& names, std::vector<std::string>& notes);

// merge_ct_file() for ifupdown's /etc/network/interfaces: stanzas of our cards that stand outside
// our section go, as two for one card would both be obeyed (interfaces(5)).
std::string drop_stanzas(std::string_view text, const std::vector<std::string>& cards);

}  // namespace lodge
