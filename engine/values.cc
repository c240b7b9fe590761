#include "engine/values.h"

#include "engine/error.h"
#include "engine/units.h"

namespace lodge {

Values::Values(std::initializer_list<Item> items) {
    for (const Item& item : items)
        set(item);
}

const std::string& Values::text(std::string_view name) const {
    const auto found = items_.find(name);
    if (found == items_.end() || found->second.empty())
        fail(Exit::usage, "'{}' is needed here and was not given", name);
    return found->second.front();
}

std::string Values::text(std::string_view name, std::string_view otherwise) const {
    return get(name).value_or(std::string(otherwise));
}

std::optional<std::string> Values::get(std::string_view name) const {
    const auto found = items_.find(name);
    if (found == items_.end() || found->second.empty()) return std::nullopt;
    return found->second.front();
}

int64_t Values::integer(std::string_view name) const {
    const auto number = parse_integer(text(name));
    if (!number) fail(Exit::usage, "{}: '{}' is not a whole number", name, text(name));
    return *number;
}

int64_t Values::integer(std::string_view name, int64_t otherwise) const {
    return has(name) ? integer(name) : otherwise;
}

bool Values::flag(std::string_view name) const {
    const auto value = get(name);
    if (!value) return false;
    const auto parsed = parse_boolean(*value);
    if (!parsed) fail(Exit::usage, "{}: '{}' is not allowed: 0 or 1", name, *value);
    return *parsed;
}

const std::vector<std::string>& Values::list(std::string_view name) const {
    static const std::vector<std::string> none;
    const auto found = items_.find(name);
    return found == items_.end() ? none : found->second;
}

void Values::set(Item item) {
    items_[std::move(item.name)] = std::move(item.list);
}

void Values::add(std::string_view name, std::string value) {
    items_[std::string(name)].push_back(std::move(value));
}

void Values::erase(std::string_view name) {
    if (const auto found = items_.find(name); found != items_.end()) items_.erase(found);
}

}  // namespace lodge
