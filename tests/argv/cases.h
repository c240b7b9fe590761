#pragma once

#include <sstream>
#include <string>

#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/argv.h"

namespace lodge::argv_test {

// Facts by a text of lines "word value…", so that a case shows what it assumes:
//   kvm | no-kvm WHY | root | qemu MAJOR.MINOR | machines NAME… | cpu-models NAME… | bridge NAME
//   [MTU] memory SIZE | cpus N | volume ID FORMAT PATH [ro] [block] [buffered] | vhost-net |
//   passed KEY FUNCTION… | passed KEY FOLDER [rom=PATH] | not-passed KEY WHY |
//   no-io_uring swtpm PATH | virtiofsd PATH | share DIRID FOLDER | usb KEY NODE | cloudinit PATH
inline MachineFacts facts_of(const std::string& text) {
    MachineFacts facts;
    facts.run_folder = "/run/lodge/guest/101";
    facts.log_folder = "/var/lib/lodge/log/101";
    facts.kvm_why_not = "this CPU offers no virtualisation (vmx/svm)";
    facts.cpus = 4;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const size_t space = line.find(' ');
        const std::string word = line.substr(0, space);
        const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
        const auto words = split(rest, ' ');
        if (word == "kvm")
            facts.kvm = true;
        else if (word == "no-kvm")
            facts.kvm_why_not = rest;
        else if (word == "root")
            facts.root = true;
        else if (word == "qemu")
            std::sscanf(rest.c_str(), "%d.%d", &facts.qemu_major, &facts.qemu_minor);
        else if (word == "machines")
            facts.machines = words;
        else if (word == "cpu-models")
            facts.cpu_models = words;
        else if (word == "memory")
            facts.memory = parse_size(rest).value_or(0);
        else if (word == "cpus")
            facts.cpus = static_cast<int>(parse_integer(rest).value_or(1));
        else if (word == "vhost-net")
            facts.vhost_net = true;
        else if (word == "no-io_uring")
            facts.io_uring = false;
        else if (word == "swtpm")
            facts.swtpm = rest;
        else if (word == "virtiofsd")
            facts.virtiofsd = rest;
        else if (word == "share")
            facts.directory_mappings[words[0]] = words[1];
        else if (word == "usb")
            facts.usb_nodes[words[0]] = words[1];
        else if (word == "passed") {
            MachineFacts::Passed& passed = facts.passed[words[0]];
            for (size_t i = 1; i < words.size(); ++i)
                if (words[i].starts_with("rom="))
                    passed.romfile = words[i].substr(4);
                else if (words[i].starts_with("/"))
                    passed.mediated = words[i];
                else
                    passed.functions.push_back(words[i]);
        } else if (word == "not-passed")
            facts.passed_problems[words[0]] = rest.substr(words[0].size() + 1);
        else if (word == "cloudinit")
            facts.cloudinit_iso = rest;
        else if (word == "run")
            facts.run_folder = rest;
        else if (word == "log")
            facts.log_folder = rest;
        else if (word == "bridge") {
            facts.bridges.push_back(words[0]);
            if (words.size() > 1)
                facts.bridge_mtus[words[0]] = static_cast<int>(*parse_integer(words[1]));
        } else if (word == "volume") {
            MachineFacts::Volume volume{words[2], words[1]};
            for (size_t i = 3; i < words.size(); ++i) {
                if (words[i] == "ro") volume.read_only = true;
                if (words[i] == "block") volume.block_device = true;
                if (words[i] == "buffered") volume.direct_io = false;
            }
            facts.volumes[words[0]] = volume;
        } else if (!word.empty() && word[0] != '#') {
            throw Error("unknown fact: " + line);
        }
    }
    return facts;
}

}  // namespace lodge::argv_test
