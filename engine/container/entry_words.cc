#include "engine/container/entry_words.h"

namespace lodge {
namespace {

// One word from `at` on, which goes behind it.
std::string next_entry_word(std::string_view text, size_t& at) {
    std::string word;
    while (at < text.size() && text[at] != ' ' && text[at] != '\t') {
        const char c = text[at];
        const size_t end = c == '\'' || c == '"' ? text.find(c, at + 1) : std::string_view::npos;
        if (c == '\'' && end != std::string_view::npos) {
            word += text.substr(at + 1, end - at - 1);
            at = end + 1;
        } else if (c == '"' && end != std::string_view::npos) {
            for (++at; at < text.size() && text[at] != '"'; ++at) {
                const bool escaped = text[at] == '\\' && at + 1 < text.size() &&
                                     (text[at + 1] == '"' || text[at + 1] == '\\');
                if (escaped) ++at;
                word += text[at];
            }
            if (at < text.size()) ++at;
        } else {
            if (c == '\\' && at + 1 < text.size()) ++at;
            word += text[at++];
        }
    }
    return word;
}

}  // namespace

std::vector<std::string> entry_words(std::string_view text) {
    std::vector<std::string> words;
    for (size_t at = 0; at < text.size();) {
        if (text[at] == ' ' || text[at] == '\t')
            ++at;
        else
            words.push_back(next_entry_word(text, at));
    }
    return words;
}

std::string print_entry_words(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) {
        for (const char c : word)
            if (c == '\n')
                text += "\\n";
            else if (c == '\\')
                text += "\\\\";
            else
                text += c;
        text += '\n';
    }
    return text;
}

}  // namespace lodge
