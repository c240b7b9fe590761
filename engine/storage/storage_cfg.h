#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/values.h"

namespace lodge {

// StorageCfg is the text of storage.cfg taken apart without loss: "type: id" at the start of a
// line, then indented "key value" lines, a blank line between entries. Lines that are none of
// these, comments among them, stay where they are; text() of an unchanged one is the bytes that
// came in.
class StorageCfg {
  public:
    struct Entry {
        std::string type, id;
        Values options;  // a key without a value is "1"
    };
    struct Problem {
        int line;  // 1-based
        std::string words;
    };

    // Never throws for content: what cannot be taken is in problems().
    static StorageCfg parse(std::string_view text);

    const std::vector<Entry>& entries() const { return entries_; }
    const std::vector<Problem>& problems() const { return problems_; }
    const Entry* find(std::string_view id) const;
    std::string text() const;

    // Adds an entry at the end. Throws Error: Exit::usage for a name, key or value that the format
    // cannot hold, Exit::refused when the id is taken.
    void add(const Entry& entry);
    // Removes the entry, with the blank line behind it; throws Error(Exit::not_found).
    void remove(std::string_view id);

  private:
    struct Line {
        std::string text;  // with its line break
        int entry = -1;    // index in entries_, -1 for none
    };
    std::vector<Line> lines_;
    std::vector<Entry> entries_;
    std::vector<Problem> problems_;
};

// The letters of a storage's id: a letter, then letters, digits, '-', '_', '.', ending in a letter
// or digit; two characters at least.
bool is_storage_id(std::string_view id);

}  // namespace lodge
