#pragma once

#include <string>
#include <vector>

namespace lodge::bench {

// Libvirt is the peer on this machine: a libvirtd that bench/run started, asked by virsh.
class Libvirt {
  public:
    // Whether virsh is installed and its libvirtd answers; `why_not` says what is missing.
    static bool available(std::string& why_not);

    // The same machine as Scratch::add makes, in libvirt's words: domains "bench-<id>".
    void define(int first, int count);
    void undefine(int first, int count);

    static std::vector<std::string> start(int id);
    static std::vector<std::string> list();
    void destroy(int id);
};

}  // namespace lodge::bench
