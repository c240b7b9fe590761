#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/schema.h"

namespace lodge {

// Properties is a property string taken apart: "local:100/x.qcow2,size=32G". The bare value is
// found under its key ("file"), aliases are resolved ("virtio=MAC" becomes model and macaddr).
// Unknown parts are kept.
class Properties {
  public:
    explicit Properties(const Field& field) : field_(&field) {}
    // Throws Error that names key, part, value and what is allowed. A part that stands twice is an
    // error.
    static Properties parse(const Field& field, std::string_view value);
    // The same, but a bad part is reported in `problems` and set aside: the getters give its
    // default, parts() has it not, print() writes it last as it was.
    static Properties parse_lenient(const Field& field, std::string_view value,
                                    std::vector<std::string>& problems);

    bool has(std::string_view part) const;
    std::optional<std::string> get(std::string_view part) const;  // as written
    std::string text(std::string_view part) const;  // as written, else the schema's default
    bool flag(std::string_view part) const;         // the default when absent; false without one
    int64_t integer(std::string_view part) const;   // the default when absent; 0 without one
    double number(std::string_view part) const;
    // Throws Error(Exit::usage) for a value that a property string cannot hold: empty, or with a
    // comma or a line break. set() and erase() also drop what was set aside for the part.
    void set(std::string_view part, std::string_view value);
    void erase(std::string_view part);
    const std::vector<std::pair<std::string, std::string>>& parts() const { return parts_; }

    // In the format's order: the bare part first, then required parts sorted, then the rest sorted.
    std::string print() const;

  private:
    struct Aside {
        std::string part;
        std::string text;
    };
    void take(std::string_view piece, std::vector<std::string>& problems);
    void take_alias(const Field& part, std::string_view value);
    void drop_aside(std::string_view part);
    std::string print_bare(const Field& part, std::string_view value, bool& took_alias) const;

    const Field* field_;
    std::vector<std::pair<std::string, std::string>> parts_;
    std::vector<Aside> aside_;
};

}  // namespace lodge
