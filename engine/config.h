#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/property.h"
#include "engine/schema.h"

namespace lodge {

// Problem is something in a configuration file that cannot be taken as it stands. The guest stays
// listed and the line stays in the file.
struct Problem {
    int line = 0;       // 1-based
    std::string key;    // "" when the line is no key
    std::string words;  // "memory: 'lots' is not allowed: a whole number, 16 or more"
};

// Section is one part of a guest's configuration: the current one, the pending one or a snapshot.
class Section {
  public:
    const std::string& description() const { return description_; }  // decoded, may have newlines
    void set_description(std::string_view text);  // white space at the end is dropped

    // The value as written, good or bad; the last line of a raw lxc.* key. nullopt: not there.
    // "description" works like a key here and below.
    std::optional<std::string> get(std::string_view key) const;
    bool has(std::string_view key) const { return get(key).has_value(); }
    // Replaces the value (of a raw lxc.* key: all its lines by one). The value is not checked: see
    // require_allowed. Throws Error(Exit::usage) for what a line cannot hold: a value that is empty
    // or has a line break, a key of other letters than the format's. The same value: no change.
    void set(std::string_view key, std::string_view value);
    // One more line of a raw lxc.* key, after the others; throws like set().
    void add(std::string_view key, std::string_view value);
    // Removes the key, and lines that were kept aside because a bad value of it stood twice.
    void erase(std::string_view key);
    // All keys in the order of the file, raw lxc.* lines among them (those may stand several
    // times).
    const std::vector<std::pair<std::string, std::string>>& entries() const { return entries_; }
    bool changed() const { return changed_; }

  private:
    friend class Config;
    friend class ConfigParser;
    std::string* value_of(std::string_view key);
    void drop_kept(std::string_view key);
    bool has_kept(std::string_view key) const;
    bool empty() const;
    std::string description_;
    bool has_description_ = false;
    std::vector<std::pair<std::string, std::string>> entries_;
    std::vector<std::string> verbatim_;  // lines that are no key and no description, kept
    bool changed_ = false;
};

// Config is a guest's configuration file, taken apart without loss: text() of an unchanged Config
// is the very bytes that were parsed; of a changed one the format's canonical order, with whatever
// we do not know kept.
class Config {
  public:
    // Never throws for content: what cannot be taken is in problems(). `file` is for their words.
    static Config parse(std::string_view text, const Schema& schema, std::string file);

    std::string text() const;
    const Schema& schema() const { return *schema_; }
    const std::string& file() const { return file_; }
    const std::vector<Problem>& problems() const { return problems_; }
    // "/etc/lodge/qemu-server/101.conf:7: memory: 'lots' is not allowed: …"
    std::string words_of(const Problem& problem) const;
    bool changed() const;
    // SHA-1 of the raw text as 40 hex digits: tells whether the file was changed meanwhile.
    std::string digest() const;

    Section current;
    Section pending;  // keys that wait for the next start
    // Keys that the next start removes: the pending section's `delete:` list, "!" marks dropped.
    std::vector<std::string> pending_deletes() const;
    void set_pending_deletes(const std::vector<std::string>& keys);
    // Snapshot sections by name in the order of the file. Special ones (special()) and unknown ones
    // are kept.
    const std::vector<std::pair<std::string, Section>>& snapshots() const { return snapshots_; }
    Section* snapshot(std::string_view name);
    const Section* snapshot(std::string_view name) const;
    // Throws Error: refused when it is there, usage when it is badly named.
    Section& add_snapshot(std::string_view name);
    void remove_snapshot(std::string_view name);  // throws Error(Exit::not_found)
    // qemu: the sections [special:cloudinit] and [special:fleecing] by the word after the colon.
    const std::vector<std::pair<std::string, Section>>& special() const { return special_; }

    // Typed reading of the current section: the schema's default when the key is absent or its
    // value is bad (then it is in problems()). For a property-string key flag, integer and number
    // read its bare part (memory's "current", agent's "enabled"); string_of gives the string as
    // written.
    std::string string_of(std::string_view key) const;
    bool flag(std::string_view key) const;
    int64_t integer(std::string_view key) const;
    double number(std::string_view key) const;
    // A property-string key; nullopt when absent. Bad parts are set aside (they are in problems()).
    std::optional<Properties> properties(std::string_view key) const;
    // The keys of an indexed field that are there, by number: "net" gives {"net0", "net2"}.
    std::vector<std::string> indexed(std::string_view stem) const;

  private:
    friend class ConfigParser;
    std::string effective(std::string_view key) const;
    std::vector<std::pair<std::string, std::string>> sorted_keys(const Section& section) const;
    std::string print_section(const Section& section, bool is_pending) const;
    bool is_used(std::string_view volume) const;

    const Schema* schema_ = nullptr;
    std::string file_;
    std::string raw_;
    std::vector<Problem> problems_;
    std::vector<std::pair<std::string, Section>> snapshots_;
    std::vector<std::pair<std::string, Section>> special_;
    std::vector<std::string> unknown_sections_;  // whole text of each, header line first
    bool sections_changed_ = false;
};

}  // namespace lodge
