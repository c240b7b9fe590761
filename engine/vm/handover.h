#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/fd.h"
#include "engine/vm/argv.h"

namespace lodge {

// Makes what QEMU is to inherit: a listening socket, a tap, an open file, a connection. What could
// not be done as wished, such as a card's rate limit, is told in `notes`. Throws Error.
Fd open_handover(const Handover& handover, std::vector<std::string>& notes);

// A handover as one word list of a step, "tap 12 tap101i0 bridge=vmbr0 vlan=10", and back. Throws
// Error when the text is none.
std::string print_handover(const Handover& handover);
Handover parse_handover(std::string_view text);

// How a shell would open it before QEMU: "12<>/dev/vhost-net" as a redirection, "" for what a shell
// can't; and the commands that go before, "" for none.
std::string handover_redirection(const Handover& handover);
std::string handover_commands(const Handover& handover);

}  // namespace lodge
