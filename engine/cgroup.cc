#include "engine/cgroup.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/scope.h"
#include "engine/units.h"

namespace lodge {
namespace {

constexpr int64_t period = 100'000;  // µs, the kernel's default for cpu.cfs_period_us and cpu.max

// FNV-1a, to tell run folders apart by a short name.
std::string short_hash(std::string_view text) {
    uint32_t hash = 2166136261u;
    for (const char c : text)
        hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
    return fmt::format("{:08x}", hash);
}

bool has_word(std::string_view list, std::string_view word, char separator) {
    const auto words = split(list, separator);
    return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

struct Cgroup::Request {
    Bus bus;
    std::unique_ptr<ScopeRequest> scope;
    CpuShare share;
};

std::string guests_group(const Host& host) {
    const bool usual = host.is_root() && host.run_folder() == "/run/lodge";
    return usual ? "lodge" : "lodge-" + short_hash(host.run_folder());
}

std::string ends_at_logout(const Host& host) {
    if (host.is_root() ||
        !host.exists(host.system(fmt::format("/run/user/{}/systemd/private", host.uid()))))
        return "";
    const passwd* user = ::getpwuid(host.uid());
    const std::string name = user && user->pw_name ? user->pw_name : std::to_string(host.uid());
    if (host.exists(host.system("/var/lib/systemd/linger/" + name))) return "";
    return fmt::format(
        "it ends when {} logs out everywhere; loginctl enable-linger {} lets guests stay", name,
        name);
}

Cgroup::Cgroup(const Host& host, int id) : host_(host) {
    top_ = guests_group(host);
    scope_ = fmt::format("{}-{}.scope", top_, id);
    find_way();
    if (way_ == Way::version1 || way_ == Way::version2)
        folder_ = fmt::format("{}/{}/{}", root_, top_, id);
}

Cgroup::~Cgroup() = default;

void Cgroup::find_way() {
    if (host_.exists(host_.system("/run/systemd/system"))) {
        way_ = Way::systemd;
        return;
    }
    why_none_ = "the kernel offers no control group for processor time here";
    // Fields of a line: device, mount point, type, options (proc(5), fstab(5)).
    for (const std::string& line :
         split(host_.read(host_.system("/proc/self/mounts")).value_or(""), '\n')) {
        const auto fields = split(line, ' ');
        if (fields.size() < 4) continue;
        if (fields[2] == "cgroup" && has_word(fields[3], "cpu", ',')) {
            way_ = Way::version1;
            root_ = host_.system(fields[1]);
            return;
        }
        if (fields[2] == "cgroup2" && way_ == Way::none &&
            has_word(host_.read_line(host_.system(fields[1] + "/cgroup.controllers")), "cpu",
                     ' ')) {
            way_ = Way::version2;
            root_ = host_.system(fields[1]);
        }
    }
}

void Cgroup::note(const CpuShare& share, const std::string& reason) {
    std::string what;
    if (share.cpus > 0) what = fmt::format("cpulimit {}", share.cpus);
    if (share.units > 0)
        what += fmt::format("{}cpuunits {}", what.empty() ? "" : " and ", share.units);
    if (!what.empty()) notes_.push_back(what + " not enforced: " + reason);
}

bool Cgroup::make_folder(const std::string& folder) {
    if (::mkdir(folder.c_str(), 0755) == 0 || errno == EEXIST) return true;
    why_none_ = fmt::format("cannot make {}: {}", folder, errno_words(errno));
    return false;
}

// A kernel file takes its value in one write.
bool Cgroup::put(const std::string& file, const std::string& value) {
    const Fd fd(::open((folder_ + "/" + file).c_str(), O_WRONLY | O_CLOEXEC));
    if (fd && ::write(fd.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size()))
        return true;
    why_none_ =
        fmt::format("cannot write {} to {}/{}: {}", value, folder_, file, errno_words(errno));
    return false;
}

// Version 2 gives a controller to the groups in a folder only when the folder says so.
bool Cgroup::enable_cpu(const std::string& folder) {
    const std::string file = folder + "/cgroup.subtree_control";
    if (has_word(host_.read_line(file), "cpu", ' ')) return true;
    const Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    if (fd && ::write(fd.get(), "+cpu", 4) == 4) return true;
    why_none_ =
        fmt::format("cannot turn on the cpu controller in {}: {}", folder, errno_words(errno));
    return false;
}

void Cgroup::write_limits(const CpuShare& share) {
    CpuShare missed;
    const auto quota = static_cast<int64_t>(share.cpus * static_cast<double>(period));
    if (way_ == Way::version1) {
        const std::string period_text = std::to_string(period);
        if (!(put("cpu.cfs_period_us", period_text) &&
              put("cpu.cfs_quota_us", share.cpus > 0 ? std::to_string(quota) : "-1")))
            missed.cpus = share.cpus;
        const int64_t shares = share.units > 0 ? std::clamp<int64_t>(share.units, 2, 262144) : 1024;
        if (!put("cpu.shares", std::to_string(shares))) missed.units = share.units;
    } else {
        if (!put("cpu.max",
                 (share.cpus > 0 ? std::to_string(quota) : "max") + " " + std::to_string(period)))
            missed.cpus = share.cpus;
        const int64_t weight = share.units > 0 ? std::clamp<int64_t>(share.units, 1, 10000) : 100;
        if (!put("cpu.weight", std::to_string(weight))) missed.units = share.units;
    }
    if (missed != CpuShare{}) note(missed, why_none_);
}

std::string Cgroup::prepare(const CpuShare& share) {
    if (way_ == Way::systemd) return "";
    if (way_ == Way::none) {
        note(share, why_none_);
        return "";
    }
    const std::string top = root_ + "/" + top_;
    const bool made = make_folder(top) &&
                      (way_ != Way::version2 || (enable_cpu(root_) && enable_cpu(top))) &&
                      make_folder(folder_);
    // Whether we may move a process in is known only by trying; a child that fails there would fail
    // the whole start.
    if (!made || ::access((folder_ + "/cgroup.procs").c_str(), W_OK) != 0) {
        if (made) why_none_ = "no process may be moved into " + folder_;
        note(share, why_none_);
        return "";
    }
    write_limits(share);
    prepared_ = true;
    // Version 2 has no "tasks": there a process goes from group to group as a whole.
    return way_ == Way::version1 ? folder_ + "/tasks" : "";
}

void Cgroup::enter(const std::vector<pid_t>& pids, const CpuShare& share) {
    if (way_ != Way::systemd) {
        if (!prepared_) return;
        const std::string inside = host_.read(folder_ + "/cgroup.procs").value_or("");
        for (const pid_t pid : pids)
            if (!has_word(inside, std::to_string(pid), '\n') &&
                !put("cgroup.procs", std::to_string(pid)))
                note(share, why_none_);
        return;
    }
    try {
        auto request = std::make_unique<Request>();
        request->share = share;
        request->bus = open_bus(host_.is_root());
        request->scope = std::make_unique<ScopeRequest>(request->bus.get(), scope_, pids, share);
        request_ = std::move(request);
    } catch (const Error& error) {
        // Said even without limits: the guest is then part of whoever started it, and a session
        // that ends may take it along.
        notes_.push_back(fmt::format("in no scope of its own: {}", error.what()));
        note(share, error.what());
    }
}

void Cgroup::finish_entering() {
    if (!request_) return;
    const std::unique_ptr<Request> request = std::move(request_);
    try {
        request->scope->finish(std::chrono::seconds(5));
    } catch (const Error& error) {
        notes_.push_back(fmt::format("in no scope of its own: {}", error.what()));
        note(request->share, error.what());
    }
    request->scope.reset();
}

void Cgroup::change(const CpuShare& share) {
    notes_.clear();
    if (way_ == Way::systemd) {
        try {
            change_scope(open_bus(host_.is_root()).get(), scope_, share);
        } catch (const Error& error) {
            note(share, error.what());
        }
    } else if (way_ == Way::none || !host_.exists(folder_)) {
        note(share, way_ == Way::none ? why_none_ : "the guest has no control group");
    } else {
        write_limits(share);
    }
}

void Cgroup::remove() {
    if (folder_.empty()) return;
    // A process that has just ended may still be counted in for a moment.
    for (int tries = 0; ::rmdir(folder_.c_str()) != 0 && errno == EBUSY && tries < 50; ++tries)
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    // The last guest out; others' groups in it keep it.
    ::rmdir((root_ + "/" + top_).c_str());
}

}  // namespace lodge
