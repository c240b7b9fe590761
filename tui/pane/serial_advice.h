#pragma once

#include <string>
#include <vector>

#include "engine/guest.h"

namespace lodge {

// What a person does so that a guest can be reached on its serial port, line by line.

// The guest has no such port, or one that is a device of the host ("" when its port is a socket).
std::vector<std::string> port_advice(const Guest& guest, int port);
// The guest has the port and says nothing on it: what to change inside, by its `ostype`.
std::vector<std::string> login_advice(const Guest& guest, int port);

}  // namespace lodge
