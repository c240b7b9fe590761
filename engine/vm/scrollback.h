#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lodge {

// PlainLines does the work of a very small terminal: of what a guest wrote to its serial line it
// makes lines as a person saw them, without escape sequences. Carriage return, backspace, tab and
// the sequences that move along a line or erase it are obeyed, all others are left out, wherever
// the text was cut. What comes out is printable.
class PlainLines {
  public:
    void add(std::string_view bytes);
    // All lines so far; the last one is the line that is not finished ("" after a newline).
    std::vector<std::string> lines() const;

  private:
    enum class State { text, escape, control, string, string_escape, charset };
    void take(char byte);
    void put(char byte);
    void end_control(char final);
    void new_line();
    size_t column_limit(size_t wanted) const;

    State state_ = State::text;
    std::string parameters_;
    std::vector<std::string> done_;
    std::vector<std::string> cells_;  // a character each
    size_t column_ = 0;
    int continues_ = 0;  // bytes of a UTF-8 character still to come
};

// The scrollback of a serial line is the log that QEMU appends to, whether someone is attached or
// not (chardev logfile, logappend=on). It is kept short by freeing its front: a hole takes no
// space, and the writer, which always appends, notices nothing.
constexpr int64_t scrollback_limit = 4 << 20;  // bytes on disk, from where on it is shortened
constexpr int64_t scrollback_keep = 1 << 20;   // bytes that stay

// Frees the front of a log that takes more than `limit` bytes, so that about `keep` stay (fallocate
// with FALLOC_FL_PUNCH_HOLE). Nothing when it is small, missing, or its file system knows no holes.
void trim_scrollback(const std::string& path, int64_t limit = scrollback_limit,
                     int64_t keep = scrollback_keep);

// Shortens the log and adds a line that says when the guest was started (Unix time, seconds). A log
// that cannot be written stays as it is: no reason not to start.
void begin_scrollback(const std::string& path, int64_t time);

// The log's bytes from `from` on, holes and zeros left out; `from` is moved behind the last byte
// read. At most `most` bytes from the end when there are more. "" when there is no log.
std::string read_scrollback(const std::string& path, int64_t& from, int64_t most);

// The last `count` lines of the log as PlainLines makes them, each ended by '\n' but the unfinished
// last. `end`: the log's size up to which this is. count 0: all there are (up to 4 MiB).
std::string scrollback_lines(const std::string& path, size_t count, int64_t& end);

}  // namespace lodge
