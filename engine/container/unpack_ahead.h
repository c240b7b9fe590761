#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/container/archive_reader.h"

namespace lodge {

// Whether the bytes at the descriptor's place begin a packed stream (gzip, xz, zstd, …). The place
// stays.
bool is_packed(int fd);

// UnpackAhead is the content of a packed archive, unpacked by a thread of its own while whoever
// reads it writes files: as tar does it with a program beside it. Not for the process of a screen.
class UnpackAhead : public ArchiveBytes {
  public:
    // `what` begins the words of every Error.
    UnpackAhead(int fd, std::string what);
    ~UnpackAhead() override;
    UnpackAhead(const UnpackAhead&) = delete;
    UnpackAhead& operator=(const UnpackAhead&) = delete;

    size_t next(const void*& bytes) override;
    int64_t taken() const { return taken_; }  // bytes of the descriptor

  private:
    void unpack();
    void run();
    bool give(const void* bytes, size_t size);

    int fd_;
    std::string what_;
    std::atomic<int64_t> taken_{0};
    std::mutex lock_;
    std::condition_variable filled_, emptied_;
    std::deque<std::vector<char>> full_;
    std::vector<std::vector<char>> spare_;
    bool ended_ = false, unwanted_ = false;
    std::exception_ptr trouble_;
    std::vector<char> present_;  // what next() gave last
    std::thread thread_;
};

}  // namespace lodge
