#pragma once

#include <string>
#include <vector>

#include "engine/state/views.h"
#include "tui/canvas.h"

namespace lodge {

// How a network link reads in the list and in the details.

// "up", "down", "no carrier".
std::string_view link_state_word(const LinkView& link);
Role link_role(const LinkView& link);
// "1G", "2.5G", "100M" bits a second; "" when not known.
std::string link_speed_words(const LinkView& link);

// Place is where a link stands in the tree of bridges and bonds with their ports.
struct LinkPlace {
    size_t link;  // of State's
    int depth = 0;
    bool last = false;  // of its siblings
};
// Physical links and bridges first, those that belong to another below it.
std::vector<LinkPlace> link_tree(const std::vector<LinkView>& links);

}  // namespace lodge
