#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config.h"
#include "engine/values.h"

namespace lodge {

// HardwareEdits is what a person changed of a guest's configuration and has not saved yet.
struct HardwareEdits {
    std::map<std::string, std::optional<std::string>> wishes;  // nullopt: the key is to go
    std::set<std::string> reverts;                             // what waits is dropped
    std::string digest;                                        // of the file that they were made on

    bool empty() const { return wishes.empty() && reverts.empty(); }
    size_t count() const { return wishes.size() + reverts.size(); }
    // The words of `guest set`.
    Values words(int guest) const;
};

// HardwareRow is one key of a guest as the list shows it.
struct HardwareRow {
    std::string key;
    const Field* field = nullptr;
    std::string_view group;
    std::optional<std::string> now;      // in the current section
    std::optional<std::string> waiting;  // for the next start
    bool waits_to_go = false;
    bool edited = false, reverted = false;
    bool hidden = false;  // its values are not for everybody who stands before a locked console
    std::optional<std::string> wish;  // of an edited one; nullopt: it is to go

    bool waits() const { return waiting.has_value() || waits_to_go; }
    // What an edit begins with: the wish, what waits, what is.
    std::string value() const;
};

// The keys in groups: those that hold something and those that are set often; `all`: every key of
// the schema that a person may set.
std::vector<HardwareRow> hardware_rows(const Config& config, const HardwareEdits& edits, bool all);

// Whether a person may have put a password into it: what is handed on as it is.
bool may_hold_secret(std::string_view key);
// A value as a person reads it: no password, keys of SSH in words.
std::string value_words(std::string_view key, const std::string& value);
// The same; of a hidden row only that there is one.
std::string value_words(const HardwareRow& row, const std::string& value);
// "4096 -> 8192", "(usual 512) -> 1024", "socket -> removed": what the edits of a row change; ""
// when it has none.
std::string edit_words(const HardwareRow& row);
// "-> 8192 at the next start"; "" when nothing waits.
std::string waiting_words(const HardwareRow& row);
// All edits, a line each.
std::string edits_words(const Config& config, const HardwareEdits& edits);

// The lowest free key of an indexed field: "net1"; "" when all are taken.
std::string free_key(const Config& config, const HardwareEdits& edits, std::string_view stem);

// SSH keys as the configuration has them, percent-encoded, and as lines.
std::string decode_keys(std::string_view text);
std::string encode_keys(std::string_view lines);

}  // namespace lodge
