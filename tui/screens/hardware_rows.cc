#include "tui/screens/hardware_rows.h"

#include <fmt/format.h>

namespace lodge {
namespace {

TableCell value_cell(const HardwareRow& row) {
    if (row.edited || row.reverted) return {"* " + edit_words(row), Role::busy};
    std::string words = row.now ? value_words(row, *row.now) : "";
    if (row.waits())
        return {words + (words.empty() ? "" : " ") + waiting_words(row), Role::warning};
    if (row.now) return {words, {}};
    return {row.field->fallback.empty() ? "-" : std::string(row.field->fallback), Role::dim};
}

}  // namespace

const std::vector<Column>& hardware_columns() {
    static const std::vector<Column> columns = {
        {.title = "", .width = 10, .rank = 2, .sortable = false},
        {.title = "KEY", .width = 11, .sortable = false},
        {.title = "VALUE", .width = 16, .grow = 1, .sortable = false},
    };
    return columns;
}

void HardwareRows::set(std::vector<HardwareRow> rows) {
    rows_ = std::move(rows);
    for (HardwareRow& row : rows_)
        row.hidden = hidden_ && may_hold_secret(row.key);
}

bool HardwareRows::hide(bool hidden) {
    if (hidden == hidden_) return false;
    hidden_ = hidden;
    set(std::move(rows_));
    return true;
}

std::optional<double> HardwareRows::number(size_t row, size_t /*column*/) const {
    return static_cast<double>(row);
}

std::string HardwareRows::words(size_t row) const {
    // What it was counts too, so that an edit does not take the row out of sight.
    const HardwareRow& one = at(row);
    return fmt::format("{} {} {} {} {}", one.group, one.key, one.field->help,
                       value_words(one, one.now.value_or("")), value_words(one, one.value()));
}

TableCell HardwareRows::cell(size_t row, size_t column) const {
    const HardwareRow& one = at(row);
    if (column == 0) {
        const bool first = row == 0 || at(row - 1).group != one.group;
        return {first ? std::string(one.group) : "", Role::heading};
    }
    if (column == 1) return {one.key, one.edited ? Role::strong : Role::normal};
    return value_cell(one);
}

}  // namespace lodge
