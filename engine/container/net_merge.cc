#include <algorithm>

#include "engine/container/net.h"
#include "engine/container/net_managers.h"
#include "engine/units.h"

// A file inside keeps what its owner wrote: only the part between these two lines is ours. They
// are Proxmox VE's, so that whichever of both started the container last finds it.

namespace lodge {
namespace {

constexpr std::string_view begin_mark = "# --- BEGIN PVE ---";
constexpr std::string_view end_mark = "# --- END PVE ---";

std::vector<std::string> lines_of(std::string_view text) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (text.empty()) return {};
    return split(text, '\n');
}

std::string text_of(const std::vector<std::string>& lines) {
    return lines.empty() ? "" : join(lines, "\n") + "\n";
}

// The first word of a line, and whether it begins a stanza (interfaces(5)).
bool begins_stanza(const std::string& line) {
    constexpr std::string_view words[] = {"iface",        "mapping",    "auto",
                                          "source",       "rename",     "template",
                                          "no-auto-down", "no-scripts", "source-directory"};
    const auto word = split(trim(line), ' ').front();
    return word.starts_with("allow-") ||
           std::any_of(std::begin(words), std::end(words), [&](std::string_view one) {
               return word == one || word.starts_with(std::string(one) + "\t");
           });
}

std::vector<std::string> words_of(const std::string& line) {
    std::string spaced = line;
    std::replace(spaced.begin(), spaced.end(), '\t', ' ');
    std::vector<std::string> words;
    for (std::string& word : split(spaced, ' '))
        if (!word.empty()) words.push_back(std::move(word));
    return words;
}

// "auto eth0 eth1" without our cards; "" when none is left.
std::string without_cards(const std::string& line, const std::vector<std::string>& cards) {
    std::vector<std::string> words = words_of(line);
    const size_t before = words.size();
    std::erase_if(words, [&](const std::string& word) {
        return std::find(cards.begin(), cards.end(), word) != cards.end();
    });
    if (words.size() == before) return line;
    return words.size() == 1 ? "" : join(words, " ");
}

bool has_loopback(std::string_view text) {
    for (const std::string& line : lines_of(text)) {
        const auto words = words_of(line);
        if (words.size() >= 2 && words[0] == "iface" && words[1] == "lo") return true;
    }
    return false;
}

// What stands outside our part, and where that was.
struct Outside {
    std::vector<std::string> lines;
    size_t place = 0;  // before which line our part stands
    bool had = false;
};

Outside outside_of(std::string_view text) {
    Outside outside;
    bool inside = false;
    std::vector<std::string> held;
    for (const std::string& line : lines_of(text)) {
        const std::string_view bare = trim(line);
        if (!inside && bare == begin_mark) {
            inside = true;
            held = {line};
            if (!outside.had) outside.place = outside.lines.size();
            outside.had = true;
        } else if (inside && bare == end_mark) {
            inside = false;
            held.clear();
        } else {
            (inside ? held : outside.lines).push_back(line);
        }
    }
    // A part whose end somebody took away: only its first line is ours for sure.
    if (inside)
        outside.lines.insert(outside.lines.begin() + static_cast<std::ptrdiff_t>(outside.place),
                             held.begin() + 1, held.end());
    return outside;
}

}  // namespace

std::string drop_stanzas(std::string_view text, const std::vector<std::string>& cards) {
    std::vector<std::string> kept;
    bool dropping = false;
    for (const std::string& line : lines_of(text)) {
        const auto words = words_of(line);
        if (words.empty() || words[0].starts_with('#')) {
            // They may stand within a stanza, and hurt nobody outside one.
            kept.push_back(line);
            continue;
        }
        if (!begins_stanza(line)) {
            if (!dropping) kept.push_back(line);
            continue;
        }
        dropping = words[0] == "iface" && words.size() >= 2 &&
                   std::find(cards.begin(), cards.end(), words[1]) != cards.end();
        if (dropping) continue;
        const bool names_cards = words[0] == "auto" || words[0].starts_with("allow-");
        const std::string left = names_cards ? without_cards(line, cards) : line;
        if (!left.empty()) kept.push_back(left);
    }
    // No pile of empty lines where stanzas went.
    const auto both_empty = [](const std::string& a, const std::string& b) {
        return trim(a).empty() && trim(b).empty();
    };
    kept.erase(std::unique(kept.begin(), kept.end(), both_empty), kept.end());
    return text_of(kept);
}

std::string merge_ct_file(const CtFile& file, const std::optional<std::string>& before) {
    if (file.kind == CtFile::Kind::whole) return file.content;
    std::string old = before.value_or("");
    Outside outside = outside_of(old);
    std::string content = file.content;
    if (file.kind == CtFile::Kind::interfaces) {
        // Both parts on their own, so that our part keeps its place.
        const auto at = outside.lines.begin() + static_cast<std::ptrdiff_t>(outside.place);
        auto first = lines_of(drop_stanzas(text_of({outside.lines.begin(), at}), file.cards));
        const auto second = lines_of(drop_stanzas(text_of({at, outside.lines.end()}), file.cards));
        outside.place = first.size();
        first.insert(first.end(), second.begin(), second.end());
        outside.lines = std::move(first);
        if (!has_loopback(text_of(outside.lines)))
            content = "auto lo\niface lo inet loopback\n\n" + content;
    }
    if (content.empty()) return text_of(outside.lines);
    if (!outside.had) outside.place = file.first ? 0 : outside.lines.size();
    std::vector<std::string> part = {std::string(begin_mark)};
    for (std::string& line : lines_of(content))
        part.push_back(std::move(line));
    part.emplace_back(end_mark);
    outside.lines.insert(outside.lines.begin() + static_cast<std::ptrdiff_t>(outside.place),
                         part.begin(), part.end());
    return text_of(outside.lines);
}

}  // namespace lodge
