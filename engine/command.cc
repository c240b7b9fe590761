#include "engine/command.h"

#include <algorithm>

#include "engine/units.h"

namespace lodge {
namespace {

bool is_right(const std::string& title) {
    return !title.empty() && title[0] == '-';
}

void put(std::string& line, const std::string& text, int width, bool right, bool last) {
    const auto gap = static_cast<size_t>(std::max(0, width - text_width(text)));
    if (right) line.append(gap, ' ');
    line += text;
    if (!right && !last) line.append(gap, ' ');
    if (!last) line += "  ";
}

}  // namespace

Risk risk_of(const Command& command, const Values& words) {
    Risk risk = command.risk;
    for (const Option& option : command.options)
        if (words.has(option.name) && (!option.value.empty() || words.flag(option.name)))
            risk = std::max(risk, option.risk);
    return risk;
}

const Command* find_command(std::span<const std::span<const Command>> tables,
                            std::span<const std::string> words, size_t& taken) {
    taken = 0;
    if (words.empty()) return nullptr;
    for (const auto& table : tables)
        for (const Command& command : table) {
            if (words.size() >= 2 && command.subject == words[0] && command.verb == words[1]) {
                taken = 2;
                return &command;
            }
        }
    for (const auto& table : tables)
        for (const Command& command : table)
            if (!command.short_form.empty() && command.short_form == words[0]) {
                taken = 1;
                return &command;
            }
    return nullptr;
}

std::string format_table(const std::vector<std::string>& titles,
                         const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::string> names;
    std::vector<int> widths;
    for (const std::string& title : titles) {
        names.push_back(is_right(title) ? title.substr(1) : title);
        widths.push_back(text_width(names.back()));
    }
    for (const auto& row : rows)
        for (size_t i = 0; i < row.size() && i < widths.size(); ++i)
            widths[i] = std::max(widths[i], text_width(row[i]));
    std::string text;
    const auto add = [&](const std::vector<std::string>& row) {
        std::string line;
        for (size_t i = 0; i < row.size() && i < widths.size(); ++i)
            put(line, row[i], widths[i], is_right(titles[i]), i + 1 == row.size());
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + '\n';
    };
    add(names);
    for (const auto& row : rows)
        add(row);
    return text;
}

}  // namespace lodge
