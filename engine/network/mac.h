#pragma once

#include <string>

namespace lodge {

// The hardware address of a guest's card whose configuration names none: the same at each start.
std::string derived_mac(int id, int number);

}  // namespace lodge
