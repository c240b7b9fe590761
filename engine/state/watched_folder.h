#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "engine/loop.h"

namespace lodge {

// WatchedFolder says whether a folder may have changed since it was last read: names in it, and
// files that were replaced or written. Without a loop, where it cannot be watched, and on a file
// system whose changes may come from another machine, it says so each time.
class WatchedFolder {
  public:
    explicit WatchedFolder(std::string path) : path_(std::move(path)) {}

    // From now on; calls `stir` at a change. With a mode, a folder that is not there is made (when
    // that is permitted), so that the first name in it is noticed.
    void watch(Loop& loop, std::function<void()> stir, mode_t make = 0);
    // True when the folder is to be read. What changes from now on makes it true again.
    bool changed();
    const std::string& path() const { return path_; }

  private:
    void look_for_folder();

    std::string path_;
    Loop* loop_ = nullptr;
    std::function<void()> stir_;
    Loop::Source source_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
    bool changed_ = true;
};

}  // namespace lodge
