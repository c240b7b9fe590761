#include "power/kernel.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>

#include "engine/error.h"
#include "engine/units.h"
#include "power/ethtool.h"

namespace lodge::kernel {
namespace {

// By sysroot. Only tests put something in.
std::map<std::string, StandIn::Write>& stand_ins() {
    static std::map<std::string, StandIn::Write> all;
    return all;
}

}  // namespace

std::optional<std::string> read(const Host& host, const std::string& path) {
    if (ethtool::is_path(path)) {
        const std::string below = host.system("");
        if (below.empty()) return ethtool::read(path);
    }
    try {
        auto content = host.read(host.system(path));
        if (!content) return std::nullopt;
        return std::string(trim(*content));
    } catch (const Error&) {
        return std::nullopt;  // not for us, or the driver does not know at the moment (EIO, EAGAIN)
    }
}

std::string text(const Host& host, const std::string& path) {
    return read(host, path).value_or("");
}

std::optional<long long> number(const Host& host, const std::string& path) {
    const auto content = read(host, path);
    if (!content) return std::nullopt;
    const auto value = parse_integer(*content);
    if (!value) return std::nullopt;
    return *value;
}

std::vector<std::string> list(const Host& host, const std::string& path) {
    try {
        return host.list(host.system(path));
    } catch (const Error&) {
        return {};
    }
}

bool exists(const Host& host, const std::string& path) {
    return host.exists(host.system(path));
}

std::string link_name(const Host& host, const std::string& path) {
    std::error_code trouble;
    const auto target = std::filesystem::read_symlink(host.system(path), trouble);
    return trouble ? "" : target.filename().string();
}

std::string real_path(const Host& host, const std::string& path) {
    const std::unique_ptr<char, Owned<::free>> found(
        ::realpath(host.system(path).c_str(), nullptr));
    if (!found) return "";
    const std::unique_ptr<char, Owned<::free>> top(::realpath(host.system("/").c_str(), nullptr));
    std::string real = found.get();
    const std::string root = top ? top.get() : "/";
    if (root.size() > 1 && real.starts_with(root)) real.erase(0, root.size());
    return real;
}

int write(const Host& host, const std::string& path, std::string_view value) {
    const auto stand_in = stand_ins().find(host.system(""));
    if (stand_in != stand_ins().end()) return stand_in->second(path, value);
    if (ethtool::is_path(path) && host.system("").empty()) return ethtool::write(path, value);
    // The kernel's own files mind no O_TRUNC, and a copy of them in a folder needs it.
    const Fd fd(::open(host.system(path).c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    if (!fd) return errno;
    for (;;) {
        const ssize_t written = ::write(fd.get(), value.data(), value.size());
        if (written == static_cast<ssize_t>(value.size())) return 0;
        if (written >= 0) return EIO;
        if (errno != EINTR) return errno;
    }
}

std::string chosen(const std::string& content) {
    const auto open = content.find('[');
    const auto close = content.find(']', open == std::string::npos ? 0 : open);
    if (open == std::string::npos || close == std::string::npos) return content;
    return content.substr(open + 1, close - open - 1);
}

std::vector<std::string> choices(const std::string& content) {
    std::vector<std::string> words;
    std::string word;
    for (const char c : content + " ") {
        if (c == '[' || c == ']') continue;
        if (c != ' ' && c != '\t' && c != '\n') {
            word += c;
        } else if (!word.empty()) {
            words.push_back(std::move(word));
            word.clear();
        }
    }
    return words;
}

StandIn::StandIn(const Host& host, Write write) : sysroot_(host.system("")) {
    stand_ins()[sysroot_] = std::move(write);
}

StandIn::~StandIn() {
    stand_ins().erase(sysroot_);
}

}  // namespace lodge::kernel
