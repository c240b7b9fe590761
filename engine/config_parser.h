#pragma once

#include <string_view>
#include <unordered_map>

#include "engine/config.h"

namespace lodge {

// The letters of a key: small letters, '_' and '-', then digits.
bool is_plain_key(std::string_view key);
// "lxc." and more: lines that go to liblxc as they are.
bool is_raw_key(std::string_view key);
// The form of a snapshot's name: a letter, then at least one of letters, digits, '_' and '-'.
bool is_snapshot_name(std::string_view name);
// The value of the old key cdrom as ide2 has it.
std::string as_cdrom(std::string_view value);

// ConfigParser takes a configuration file apart line by line, once, into a Config. The rules are
// those of Proxmox VE's text format; what they would drop is kept and told as a Problem.
class ConfigParser {
  public:
    ConfigParser(Config& config, std::string_view text);
    void run();

  private:
    struct Seen {
        size_t entry = 0;
        bool good = false;
    };

    void take_line(std::string_view line);
    bool take_header(std::string_view line);
    void take_description(std::string_view text);
    void take_raw(std::string_view line);
    void take_key(std::string_view key, std::string_view value, std::string_view line);
    void open(Section& section);
    Section& reopen(std::vector<std::pair<std::string, Section>>& list, std::string_view name);
    void finish_section();
    void report(std::string_view key, std::string words);

    Config& config_;
    std::string_view text_;
    int line_ = 0;
    Section* section_ = nullptr;  // nullptr: in an unknown section
    bool is_special_ = false;
    bool pending_seen_ = false;
    std::unordered_map<std::string_view, Seen> seen_;  // keys of the section
    std::unordered_map<std::string, size_t> places_;   // of snapshot and special sections
};

}  // namespace lodge
