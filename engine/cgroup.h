#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace lodge {

class Host;

// CpuShare is how much of the machine's processors a guest may have. There is no ceiling on memory:
// a guest's RAM is what QEMU is given and cannot grow, what QEMU needs beside it (translation
// buffers, device emulation, page cache) is not known beforehand, and a ceiling that is too low
// does not limit a guest but kills it.
struct CpuShare {
    double cpus = 0;    // cpulimit: processors' worth of time, 0 for no limit
    int64_t units = 0;  // cpuunits: weight against others, 0 for the kernel's default
    bool operator==(const CpuShare&) const = default;
};

// The name of the group that the guests of this Lodge are in: "lodge", and for another run folder
// than the system's one of its own.
std::string guests_group(const Host& host);

// That what a user starts ends with their last session, because it is in a scope of their systemd,
// which nothing keeps (loginctl(1), enable-linger); "" where that is not so.
std::string ends_at_logout(const Host& host);

// Cgroup is a guest's place in the kernel's accounting: a systemd scope where systemd is process 1,
// else a control group of version 1 or 2 where one can be made, else none. All Cgroup objects of
// one guest mean the same place; nothing is made before prepare() or enter().
//
// The place is named after the guest and, except for the system's own run folder, after the run
// folder as well, so that two Lodges on one machine (a user's, a test's) do not meet.
class Cgroup {
  public:
    Cgroup(const Host& host, int id);
    ~Cgroup();
    Cgroup(const Cgroup&) = delete;
    Cgroup& operator=(const Cgroup&) = delete;

    // Makes the group with its limits. Returns the file by which a process enters it before it
    // becomes a program (Program::enter_group); "" where only enter() can do it. What cannot be
    // done is a note, not an Error: a guest without its limits is better than none, as long as it
    // says so.
    std::string prepare(const CpuShare& share);
    // Moves those that are not in the group yet, or asks systemd for the scope around them without
    // waiting. To move another process the kernel waits for all processors to pass a quiet state
    // (10 ms and more, cgroup_threadgroup_rwsem); a process of one thread enters by itself at once.
    void enter(const std::vector<pid_t>& pids, const CpuShare& share);
    // systemd: waits until the scope stands.
    void finish_entering();
    // Changes the limits of a running guest; what cannot be done is a note.
    void change(const CpuShare& share);
    // Removes the group; its processes must be gone. Nothing when there is none.
    void remove();

    // What could not be enforced, in words: "cpulimit 1.5 is not enforced: …".
    const std::vector<std::string>& notes() const { return notes_; }
    // The group's folder in the kernel's file system; "" for a scope or none.
    const std::string& folder() const { return folder_; }
    const std::string& scope_name() const { return scope_; }  // "lodge-101.scope"

  private:
    enum class Way { systemd, version2, version1, none };
    void find_way();
    bool make_folder(const std::string& folder);
    bool enable_cpu(const std::string& folder);
    void write_limits(const CpuShare& share);
    bool put(const std::string& file, const std::string& value);
    void note(const CpuShare& share, const std::string& reason);

    const Host& host_;
    Way way_ = Way::none;
    bool prepared_ = false;
    std::string scope_, root_, top_, folder_, why_none_;
    std::vector<std::string> notes_;
    struct Request;
    std::unique_ptr<Request> request_;
};

}  // namespace lodge
