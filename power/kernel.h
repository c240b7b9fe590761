#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/host.h"

// The kernel's files as this module reads and writes them. Paths are those of the real machine
// ("/sys/…", "/proc/…"); the host's sysroot goes before them.
namespace lodge::kernel {

// What stands in the file, white space off both ends. nullopt when there is none, or when it cannot
// be read (no permission, the device is gone, the driver answers with an error).
std::optional<std::string> read(const Host& host, const std::string& path);
std::string text(const Host& host, const std::string& path);  // "" when there is none
std::optional<long long> number(const Host& host, const std::string& path);
std::vector<std::string> list(const Host& host, const std::string& path);
bool exists(const Host& host, const std::string& path);
// The last name that a symbolic link points to ("…/driver" -> "igc"); "" when there is none.
std::string link_name(const Host& host, const std::string& path);
// Where the path really is, by the sysroot's own links, without the sysroot; "" when nowhere.
std::string real_path(const Host& host, const std::string& path);

// Writes to a file that is there: one write(2) of all of it. 0, or the errno by which the kernel
// says why not (EINVAL: not this value; EPERM; EBUSY; ENOENT …).
int write(const Host& host, const std::string& path, std::string_view value);

// The value among the choices of a file such as "default [powersave] performance"; else the text.
std::string chosen(const std::string& content);
std::vector<std::string> choices(const std::string& content);  // without the brackets

// StandIn is a kernel of a test's own, which reacts: while it lives, write() below its sysroot asks
// it. One for a sysroot.
class StandIn {
  public:
    using Write = std::function<int(const std::string& path, std::string_view value)>;
    StandIn(const Host& host, Write write);
    ~StandIn();
    StandIn(const StandIn&) = delete;
    StandIn& operator=(const StandIn&) = delete;

  private:
    std::string sysroot_;
};

}  // namespace lodge::kernel
