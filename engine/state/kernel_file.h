#pragma once

#include <string>
#include <string_view>

#include "engine/fd.h"

namespace lodge {

// KernelFile is a file of /proc or /sys that is read again and again: it stays open, a reading is
// one system call. Of a process, it stays that process's: when it is gone nothing is read, also
// when its number was given away again.
class KernelFile {
  public:
    KernelFile() = default;
    explicit KernelFile(std::string path) : path_(std::move(path)) {}

    // The content as it is now, good until the next reading of any KernelFile; "" when there is
    // none, or it may not be read, or has more than 1 MiB. A file that was not there is tried again
    // with the next reading; one that had been opened is not.
    std::string_view read();
    void close() { fd_.reset(); }

  private:
    std::string path_;
    Fd fd_;
};

}  // namespace lodge
