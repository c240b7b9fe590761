#include "engine/vm/handover.h"

#include <fcntl.h>

#include <cerrno>

#include "engine/error.h"
#include "engine/network/tap.h"
#include "engine/units.h"
#include "engine/vm/qmp.h"

namespace lodge {
namespace {

TapWish tap_wish(const Handover& handover) {
    TapWish wish;
    wish.name = handover.path;
    wish.bridge = handover.bridge;
    wish.vlan = handover.vlan;
    wish.trunks = handover.trunks;
    wish.rate = handover.rate;
    wish.mtu = handover.mtu;
    wish.multi_queue = handover.multi_queue;
    return wish;
}

void take_tap_word(Handover& handover, std::string_view word) {
    const size_t sign = word.find('=');
    const std::string_view name = word.substr(0, sign);
    const std::string value(sign == std::string_view::npos ? "" : word.substr(sign + 1));
    if (name == "bridge") handover.bridge = value;
    if (name == "vlan") handover.vlan = static_cast<int>(parse_integer(value).value_or(0));
    if (name == "mtu") handover.mtu = static_cast<int>(parse_integer(value).value_or(0));
    if (name == "trunks") handover.trunks = value;
    if (name == "rate") handover.rate = parse_number(value).value_or(0);
    if (name == "multi-queue") handover.multi_queue = true;
}

}  // namespace

Fd open_handover(const Handover& handover, std::vector<std::string>& notes) {
    switch (handover.kind) {
        case Handover::Kind::listen:
            return listen_unix(handover.path);
        case Handover::Kind::connect:
            return connect_unix(handover.path);
        case Handover::Kind::tap:
            return make_tap(tap_wish(handover), notes);
        case Handover::Kind::file: {
            // A serial line without a carrier or a drive without a disc would make us wait.
            const int flags =
                (handover.read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
            Fd fd(::open(handover.path.c_str(), flags));
            if (!fd) fail_errno(errno, "cannot open " + handover.path);
            return fd;
        }
    }
    throw Error("a descriptor of no kind");
}

std::string print_handover(const Handover& handover) {
    switch (handover.kind) {
        case Handover::Kind::listen:
            return fmt::format("listen {} {}", handover.number, handover.path);
        case Handover::Kind::connect:
            return fmt::format("connect {} {}", handover.number, handover.path);
        case Handover::Kind::file:
            return fmt::format("{} {} {}", handover.read_only ? "read" : "open", handover.number,
                               handover.path);
        case Handover::Kind::tap:
            break;
    }
    std::string text = fmt::format("tap {} {}", handover.number, handover.path);
    if (!handover.bridge.empty()) text += " bridge=" + handover.bridge;
    if (handover.vlan != 0) text += fmt::format(" vlan={}", handover.vlan);
    if (handover.mtu != 0) text += fmt::format(" mtu={}", handover.mtu);
    if (!handover.trunks.empty()) text += " trunks=" + handover.trunks;
    if (handover.rate > 0) text += fmt::format(" rate={}", handover.rate);
    if (handover.multi_queue) text += " multi-queue";
    return text;
}

Handover parse_handover(std::string_view text) {
    const auto words = split(text, ' ');
    const auto number = words.size() >= 3 ? parse_integer(words[1]) : std::nullopt;
    Handover handover{};
    handover.kind = Handover::Kind::file;
    if (words[0] == "tap") {
        handover.kind = Handover::Kind::tap;
    } else if (words[0] == "listen") {
        handover.kind = Handover::Kind::listen;
    } else if (words[0] == "connect") {
        handover.kind = Handover::Kind::connect;
    } else if (words[0] == "read") {
        handover.read_only = true;
    } else if (words[0] != "open") {
        fail(Exit::failed, "a step hands over what is no descriptor: {}", printable(text));
    }
    if (!number || *number < 3 || *number > 1023)
        fail(Exit::failed, "a step hands over what is no descriptor: {}", printable(text));
    handover.number = static_cast<int>(*number);
    if (handover.kind == Handover::Kind::tap) {
        handover.path = words[2];
        for (size_t i = 3; i < words.size(); ++i)
            take_tap_word(handover, words[i]);
    } else {
        handover.path = text.substr(words[0].size() + words[1].size() + 2);
    }
    return handover;
}

std::string handover_redirection(const Handover& handover) {
    if (handover.kind != Handover::Kind::file) return "";
    return fmt::format("{}{}{}", handover.number, handover.read_only ? "<" : "<>",
                       shell_quote(handover.path));
}

std::string handover_commands(const Handover& handover) {
    switch (handover.kind) {
        case Handover::Kind::tap:
            return tap_as_shell(tap_wish(handover)) +
                   fmt::format("\n# QEMU inherits {} as descriptor {}", handover.path,
                               handover.number);
        case Handover::Kind::listen:
            return fmt::format("# QEMU inherits a socket that listens at {} as descriptor {}",
                               printable(handover.path), handover.number);
        case Handover::Kind::connect:
            return fmt::format("# QEMU inherits a connection to {} as descriptor {}",
                               printable(handover.path), handover.number);
        case Handover::Kind::file:
            break;
    }
    return "";
}

}  // namespace lodge
