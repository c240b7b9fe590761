#include "engine/vm/scrollback.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "engine/error.h"
#include "engine/fd.h"
#include "engine/units.h"

namespace lodge {
namespace {

constexpr size_t widest_line = 4096;  // cells; what is longer goes on in the next line
constexpr int64_t block = 4096;       // holes are whole blocks of the file system

// The first number of a control sequence's parameters, 1 when there is none.
size_t first_number(const std::string& parameters) {
    const auto number = parse_integer(parameters.substr(0, parameters.find(';')));
    return number && *number > 0 ? static_cast<size_t>(*number) : 1;
}

}  // namespace

size_t PlainLines::column_limit(size_t wanted) const {
    return std::min(wanted, widest_line - 1);
}

void PlainLines::new_line() {
    std::string line;
    for (const std::string& cell : cells_)
        line += cell;
    while (!line.empty() && line.back() == ' ')
        line.pop_back();
    done_.push_back(printable(line));
    cells_.clear();
    column_ = 0;
    continues_ = 0;
}

void PlainLines::put(char byte) {
    const auto value = static_cast<unsigned char>(byte);
    if ((value & 0xc0) == 0x80 && continues_ > 0) {
        cells_[column_ - 1] += byte;
        --continues_;
        return;
    }
    continues_ = value >= 0xf0 ? 3 : value >= 0xe0 ? 2 : value >= 0xc0 ? 1 : 0;
    if (column_ >= widest_line) new_line();
    if (cells_.size() <= column_) cells_.resize(column_ + 1, " ");
    cells_[column_++] = std::string(1, byte);
}

// Final bytes as ECMA-48 names them: CUF, CUB, CHA, EL, ED, CUP.
void PlainLines::end_control(char final) {
    const size_t count = first_number(parameters_);
    switch (final) {
        case 'C':
            column_ = column_limit(column_ + count);
            break;
        case 'D':
            column_ -= std::min(column_, count);
            break;
        case 'G':
            column_ = column_limit(count - 1);
            break;
        case 'K':
            if (parameters_.empty() || parameters_ == "0")
                cells_.resize(std::min(cells_.size(), column_));
            else if (parameters_ == "2")
                cells_.clear();
            break;
        case 'H':
        case 'J':
            if (!cells_.empty()) new_line();
            break;
        default:
            break;
    }
}

void PlainLines::take(char byte) {
    const auto value = static_cast<unsigned char>(byte);
    switch (state_) {
        case State::text:
            break;
        case State::escape:
            state_ = byte == '['                                                ? State::control
                     : byte == ']' || byte == 'P' || byte == '_' || byte == '^' ? State::string
                     : value >= 0x20 && value <= 0x2f                           ? State::charset
                                                                                : State::text;
            parameters_.clear();
            return;
        case State::charset:
            state_ = State::text;
            return;
        case State::control:
            if (value >= 0x40 && value <= 0x7e) {
                state_ = State::text;
                end_control(byte);
                return;
            }
            if (value >= 0x20 && parameters_.size() < 64) {
                parameters_ += byte;
                return;
            }
            state_ = State::text;  // no sequence has such a byte: what follows is text again
            break;
        case State::string:
            if (byte == '\a') state_ = State::text;
            if (byte == '\x1b') state_ = State::string_escape;
            if (byte != '\n') return;
            state_ = State::text;  // titles have no line breaks: one that lost its end is over here
            break;
        case State::string_escape:
            state_ = State::text;
            if (byte == '\\') return;
            break;
    }
    // A character that something else comes into the middle of stays half.
    if (value < 0x80) continues_ = 0;
    switch (byte) {
        case '\x1b':
            state_ = State::escape;
            break;
        case '\n':
            new_line();
            break;
        case '\r':
            column_ = 0;
            break;
        case '\b':
            column_ -= column_ > 0 ? 1 : 0;
            break;
        case '\t':
            column_ = column_limit((column_ / 8 + 1) * 8);
            break;
        default:
            if (value >= 0x20 && value != 0x7f) put(byte);
    }
}

void PlainLines::add(std::string_view bytes) {
    for (const char byte : bytes)
        take(byte);
}

std::vector<std::string> PlainLines::lines() const {
    std::vector<std::string> all = done_;
    std::string line;
    for (const std::string& cell : cells_)
        line += cell;
    all.push_back(printable(line));
    return all;
}

void trim_scrollback(const std::string& path, int64_t limit, int64_t keep) {
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) return;
    if (int64_t{found.st_blocks} * 512 <= limit || found.st_size <= keep) return;
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) return;
    const int64_t front = (found.st_size - keep) / block * block;
    // EOPNOTSUPP: a file system without holes keeps a long log, which harms nothing but space.
    (void)::fallocate(fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, front);
}

void begin_scrollback(const std::string& path, int64_t time) {
    trim_scrollback(path);
    const Fd fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
    struct stat found {};
    if (!fd || ::fstat(fd.get(), &found) != 0) return;
    tm parts{};
    const time_t seconds = time;
    ::localtime_r(&seconds, &parts);
    std::array<char, 64> text{};
    const size_t size = ::strftime(text.data(), text.size(), "[started %F %T]\r\n", &parts);
    std::string line = found.st_size > 0 ? "\r\n" : "";
    line.append(text.data(), size);
    if (::write(fd.get(), line.data(), line.size()) < 0) return;
}

std::string read_scrollback(const std::string& path, int64_t& from, int64_t most) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) {
        if (errno == ENOENT || errno == ENOTDIR) return {};
        fail_errno(errno, "cannot read the console's log " + path);
    }
    struct stat found {};
    if (::fstat(fd.get(), &found) != 0) fail_errno(errno, "cannot read " + path);
    if (found.st_size < from) from = 0;  // someone emptied it
    int64_t at = std::max(from, found.st_size - most);
    if (const off_t data = ::lseek(fd.get(), at, SEEK_DATA); data >= 0)
        at = data;
    else if (errno == ENXIO)
        at = found.st_size;
    std::string bytes(static_cast<size_t>(std::max<int64_t>(found.st_size - at, 0)), '\0');
    size_t have = 0;
    while (have < bytes.size()) {
        const ssize_t got = ::pread(fd.get(), bytes.data() + have, bytes.size() - have,
                                    at + static_cast<int64_t>(have));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail_errno(errno, "cannot read the console's log " + path);
        if (got == 0) break;
        have += static_cast<size_t>(got);
    }
    bytes.resize(have);
    from = at + static_cast<int64_t>(have);
    std::erase(bytes, '\0');
    return bytes;
}

std::string scrollback_lines(const std::string& path, size_t count, int64_t& end) {
    end = 0;
    // A line is seldom longer than 1 KiB with its colours; the cut one in front is not shown.
    const int64_t most = count == 0 ? scrollback_limit
                                    : std::clamp<int64_t>(static_cast<int64_t>(count) * 1024,
                                                          1 << 16, scrollback_limit);
    const std::string bytes = read_scrollback(path, end, most);
    PlainLines plain;
    plain.add(bytes);
    std::vector<std::string> lines = plain.lines();
    const bool cut = static_cast<int64_t>(bytes.size()) < end;
    if (cut && lines.size() > 1) lines.erase(lines.begin());
    const size_t wanted = count == 0 ? lines.size() : count + (lines.back().empty() ? 1 : 0);
    if (lines.size() > wanted)
        lines.erase(lines.begin(), lines.end() - static_cast<ptrdiff_t>(wanted));
    return join(lines, "\n");
}

}  // namespace lodge
