#pragma once

#include <unistd.h>

#include <memory>
#include <utility>

namespace lodge {

// Fd is the owner of a file descriptor: it closes it, once.
class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) reset(std::exchange(other.fd_, -1));
        return *this;
    }
    ~Fd() { reset(); }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    int release() { return std::exchange(fd_, -1); }
    void reset(int fd = -1) {
        if (fd_ >= 0) ::close(fd_);
        fd_ = fd;
    }

  private:
    int fd_ = -1;
};

// Owned<&free_function> is a deleter for C handles: std::unique_ptr<sd_bus, Owned<sd_bus_unref>>.
template <auto Free>
struct Owned {
    template <class T>
    void operator()(T* handle) const {
        Free(handle);
    }
};

}  // namespace lodge
