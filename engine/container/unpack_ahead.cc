#include "engine/container/unpack_ahead.h"

#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <string_view>

#include "engine/error.h"
#include "engine/text.h"

namespace lodge {
namespace {

using namespace std::string_view_literals;

constexpr size_t block = 1u << 20, most_waiting = 8;

// The first bytes of each packing that ArchiveReader takes.
constexpr std::string_view marks[] = {"\x1f\x8b"sv,
                                      "\xfd"
                                      "7zXZ\0"sv,
                                      "\x28\xb5\x2f\xfd"sv,
                                      "BZh"sv,
                                      "\x04\x22\x4d\x18"sv,
                                      "\x5d\0\0"sv};

}  // namespace

bool is_packed(int fd) {
    std::array<char, 8> head{};
    const off_t at = ::lseek(fd, 0, SEEK_CUR);
    const ssize_t got = at < 0 ? -1 : ::pread(fd, head.data(), head.size(), at);
    if (got <= 0) return false;
    const std::string_view begin(head.data(), static_cast<size_t>(got));
    for (const std::string_view mark : marks)
        if (begin.rfind(mark, 0) == 0) return true;
    return false;
}

UnpackAhead::UnpackAhead(int fd, std::string what) : fd_(fd), what_(std::move(what)) {
    // Signals are for the thread that carries the job out.
    sigset_t all, before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

UnpackAhead::~UnpackAhead() {
    {
        const std::lock_guard guard(lock_);
        unwanted_ = true;
    }
    emptied_.notify_one();
    thread_.join();
}

void UnpackAhead::run() {
    std::exception_ptr trouble;
    try {
        unpack();
    } catch (...) {
        trouble = std::current_exception();
    }
    {
        const std::lock_guard guard(lock_);
        ended_ = true;
        trouble_ = trouble;
    }
    filled_.notify_one();
}

void UnpackAhead::unpack() {
    const std::unique_ptr<archive, Owned<archive_read_free>> reader(archive_read_new());
    const auto require = [&](int result) {
        if (reader && result >= ARCHIVE_WARN) return;
        const char* words = reader ? archive_error_string(reader.get()) : nullptr;
        fail(Exit::refused, "cannot {}: it is no tar archive, or a broken one ({})", what_,
             printable(words ? words : "nothing more is known"));
    };
    require(reader ? ARCHIVE_OK : ARCHIVE_FATAL);
    support_packings(reader.get());
    archive_read_support_format_raw(reader.get());
    require(archive_read_open_fd(reader.get(), fd_, block));
    archive_entry* entry = nullptr;
    require(archive_read_next_header(reader.get(), &entry));
    for (;;) {
        const void* bytes = nullptr;
        size_t size = 0;
        la_int64_t offset = 0;
        const int result = archive_read_data_block(reader.get(), &bytes, &size, &offset);
        if (result == ARCHIVE_EOF) return;
        require(result);
        taken_ = archive_filter_bytes(reader.get(), -1);
        if (size > 0 && !give(bytes, size)) return;
    }
}

// False when nobody wants more.
bool UnpackAhead::give(const void* bytes, size_t size) {
    std::vector<char> piece;
    {
        std::unique_lock guard(lock_);
        emptied_.wait(guard, [&] { return unwanted_ || full_.size() < most_waiting; });
        if (unwanted_) return false;
        if (!spare_.empty()) {
            piece = std::move(spare_.back());
            spare_.pop_back();
        }
    }
    piece.resize(size);
    std::memcpy(piece.data(), bytes, size);
    {
        const std::lock_guard guard(lock_);
        full_.push_back(std::move(piece));
    }
    filled_.notify_one();
    return true;
}

size_t UnpackAhead::next(const void*& bytes) {
    {
        std::unique_lock guard(lock_);
        if (!present_.empty()) spare_.push_back(std::move(present_));
        present_.clear();
        filled_.wait(guard, [&] { return ended_ || !full_.empty(); });
        if (full_.empty()) {
            if (trouble_) std::rethrow_exception(trouble_);
            return 0;
        }
        present_ = std::move(full_.front());
        full_.pop_front();
    }
    emptied_.notify_one();
    bytes = present_.data();
    return present_.size();
}

}  // namespace lodge
