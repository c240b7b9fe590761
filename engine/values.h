#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lodge {

// Values is a set of named lists of text: what the words of a command say, and what an action of a
// plan works on. It is plain data, so that a plan can be written to disk and carried on from there.
class Values {
  public:
    struct Item {
        std::string name;
        std::vector<std::string> list;

        Item(std::string n, std::string value) : name(std::move(n)), list{std::move(value)} {}
        Item(std::string n, std::string_view value)
            : name(std::move(n)), list{std::string(value)} {}
        Item(std::string n, const char* value) : name(std::move(n)), list{value} {}
        Item(std::string n, int64_t value) : name(std::move(n)), list{std::to_string(value)} {}
        Item(std::string n, int value) : name(std::move(n)), list{std::to_string(value)} {}
        Item(std::string n, bool value) : name(std::move(n)), list{value ? "1" : "0"} {}
        Item(std::string n, std::vector<std::string> values)
            : name(std::move(n)), list(std::move(values)) {}
    };

    Values() = default;
    Values(std::initializer_list<Item> items);

    bool has(std::string_view name) const { return items_.find(name) != items_.end(); }
    // The first value. Throws Error when the name is not there.
    const std::string& text(std::string_view name) const;
    std::string text(std::string_view name, std::string_view otherwise) const;
    std::optional<std::string> get(std::string_view name) const;
    // Throws Error(Exit::usage) when it is no whole number.
    int64_t integer(std::string_view name) const;
    int64_t integer(std::string_view name, int64_t otherwise) const;
    bool flag(std::string_view name) const;  // false when it is not there
    const std::vector<std::string>& list(std::string_view name) const;  // empty when not there

    void set(Item item);
    void add(std::string_view name, std::string value);  // one more to the list
    void erase(std::string_view name);
    const std::map<std::string, std::vector<std::string>, std::less<>>& items() const {
        return items_;
    }
    bool operator==(const Values&) const = default;

  private:
    std::map<std::string, std::vector<std::string>, std::less<>> items_;
};

}  // namespace lodge
