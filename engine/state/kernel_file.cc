#include "engine/state/kernel_file.h"

#include <fcntl.h>

#include <cerrno>
#include <vector>

namespace lodge {
namespace {

constexpr size_t longest = 1 << 20;

// One for all: what is read is taken apart at once.
std::vector<char>& shared_buffer() {
    static std::vector<char> buffer(16384);
    return buffer;
}

}  // namespace

std::string_view KernelFile::read() {
    if (!fd_) fd_.reset(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd_) return {};
    std::vector<char>& buffer = shared_buffer();
    for (;;) {
        const ssize_t got = ::pread(fd_.get(), buffer.data(), buffer.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return {};
        // The kernel makes such a text whole in one go when there is room for it.
        if (static_cast<size_t>(got) < buffer.size() || buffer.size() >= longest)
            return {buffer.data(), static_cast<size_t>(got)};
        buffer.resize(buffer.size() * 4);
    }
}

}  // namespace lodge
