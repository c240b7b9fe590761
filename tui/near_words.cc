// What was meant by a word that nobody knows.
#include <algorithm>

#include "tui/words.h"

namespace lodge {
namespace {

// Slips between two words: letters put in, left out, changed, or swapped with their neighbour.
size_t slips(std::string_view a, std::string_view b) {
    std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
    for (size_t i = 0; i <= a.size(); ++i)
        cost[i][0] = i;
    for (size_t j = 0; j <= b.size(); ++j)
        cost[0][j] = j;
    for (size_t i = 1; i <= a.size(); ++i)
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t change = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    return cost[a.size()][b.size()];
}

}  // namespace

std::string nearest_word(std::string_view word, const std::vector<std::string_view>& known) {
    std::string_view best;
    // Half of a short word may not be wrong: "ls" is not "reset".
    size_t least = std::min<size_t>(3, word.size() / 2 + 1);
    for (const std::string_view candidate : known) {
        if (word.size() > 64) break;
        const size_t distance = slips(word, candidate);
        if (distance < least) {
            least = distance;
            best = candidate;
        }
    }
    // "resto" is rather short for "restore" than a wrong "reset".
    if (least > 1 && word.size() >= 2)
        for (const std::string_view candidate : known)
            if (candidate.starts_with(word)) return std::string(candidate);
    return std::string(best);
}

}  // namespace lodge
