#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text.h"

namespace lodge {

// Sizes as the configuration format writes them: a whole or decimal number and K, M, G or T, each
// 1024 of the one before; no letter means bytes. nullopt when it is not a size or overflows int64.
std::optional<int64_t> parse_size(std::string_view text);
// The same with the largest unit that is exact: 32G, 1536M, 1000.
std::string print_size(int64_t bytes);
// For people: "1.9G", "412M", "0". At most 5 characters up to 9999T.
std::string short_size(int64_t bytes);
// For people: "12d", "3h", "41m", "7s".
std::string short_duration(int64_t seconds);

// For people: "0 jobs", "1 job", "2 jobs".
std::string counted_words(int64_t count, std::string_view one);
template <std::integral Count>
std::string counted(Count count, std::string_view one) {
    return counted_words(static_cast<int64_t>(count), one);
}

// 1 on yes true / 0 off no false, any case. nullopt when it is neither.
std::optional<bool> parse_boolean(std::string_view text);
// A whole number, all of the text. nullopt when it is not one or does not fit.
std::optional<int64_t> parse_integer(std::string_view text);
// A decimal number, all of the text, '.' as the point in every locale.
std::optional<double> parse_number(std::string_view text);

std::vector<std::string> split(std::string_view text, char separator);  // "" gives {""}
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);  // white space off both ends

// The text as one word of a POSIX shell: bare when it is safe, else in single quotes.
std::string shell_quote(std::string_view text);
std::string shell_line(const std::vector<std::string>& argv);

}  // namespace lodge
