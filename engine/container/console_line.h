#pragma once

#include <string>

#include "engine/fd.h"

namespace lodge {

// ConsoleLine is a container's console, to read and to type at.
struct ConsoleLine {
    Fd terminal;  // the master of a terminal of its own, not blocking
    Fd claim;     // while it is open, nobody else gets the console
};

// Whether `path` (<run>/guest/<id>/serial0) stands for a container's console: there is no socket
// there as of a virtual machine, but a file that names the program by which one gets it.
bool is_console_line(const std::string& path);
// Gets it from the container's monitor. Throws Error: Exit::not_found when it has none (any more),
// Exit::busy when someone else has it.
ConsoleLine open_console_line(const std::string& path);

}  // namespace lodge
