#include "power/guest_weights.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/cgroup.h"
#include "engine/fd.h"
#include "engine/state/figures.h"
#include "power/quiet.h"

namespace lodge {
namespace {

// Where the kernel shows a hierarchy (proc(5), mounts): "cgroup2", or a version 1 one with "cpu".
std::optional<std::string> mount_of(const Host& host, bool version1) {
    const std::string text = host.read(host.system("/proc/self/mounts")).value_or("");
    std::string_view mounts = text;
    while (!mounts.empty()) {
        std::string_view line = next_line(mounts);
        next_word(line);
        const std::string where(next_word(line));
        const std::string_view type = next_word(line);
        const auto options = split(next_word(line), ',');
        if (!version1 && type == "cgroup2") return where;
        if (version1 && type == "cgroup" &&
            std::find(options.begin(), options.end(), "cpu") != options.end())
            return where;
    }
    return std::nullopt;
}

// 0, or why the kernel does not take it.
int put(const std::string& path, int64_t value) {
    const Fd fd(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    const std::string text = std::to_string(value);
    if (!fd) return errno;
    return ::write(fd.get(), text.data(), text.size()) < 0 ? errno : 0;
}

}  // namespace

std::optional<WeightFile> weight_file(const Host& host, int guest, pid_t process) {
    const std::string group = guests_group(host);
    const std::string text =
        host.read(host.system(fmt::format("/proc/{}/cgroup", process))).value_or("");
    std::string_view lines = text;
    while (!lines.empty()) {
        // "0::/lodge/101" of version 2, "4:cpu,cpuacct:/lodge/101" of version 1
        const auto fields = split(next_line(lines), ':');
        if (fields.size() < 3) continue;
        const bool version1 = fields[0] != "0";
        const auto controllers = split(fields[1], ',');
        if (version1 &&
            std::find(controllers.begin(), controllers.end(), "cpu") == controllers.end())
            continue;
        std::string folder;
        // A container's monitor is beside its group: "/lodge/102.monitor" (liblxc).
        for (const std::string& end :
             {fmt::format("/{}-{}.scope", group, guest), fmt::format("/{}/{}", group, guest)}) {
            const auto at = (fields[2] + "/").find(end + "/");
            const auto beside = fields[2].find(end + ".monitor");
            const auto found = at != std::string::npos ? at : beside;
            if (found != std::string::npos) folder = fields[2].substr(0, found + end.size());
        }
        const auto mount = mount_of(host, version1);
        if (folder.empty() || !mount) continue;
        WeightFile file{host.system(*mount + folder + (version1 ? "/cpu.shares" : "/cpu.weight")),
                        version1};
        if (host.exists(file.path)) return file;
    }
    return std::nullopt;
}

GuestWeights::GuestWeights(const Host& host) : host_(host) {
    const std::string text = host_.read(file()).value_or("");
    std::string_view lines = text;
    while (!lines.empty()) {
        std::string_view line = next_line(lines);
        const auto before = parse_integer(next_word(line));
        const auto ours = parse_integer(next_word(line));
        if (before && ours) lowered_[std::string(trim(line))] = {*before, *ours};
    }
}

std::string GuestWeights::file() const {
    return host_.run_folder() + "/heat-weights";
}

void GuestWeights::save() const {
    if (lowered_.empty()) return host_.remove(file());
    std::string text;
    for (const auto& [path, was] : lowered_)
        text += fmt::format("{} {} {}\n", was.before, was.ours, path);
    host_.write_volatile(file(), text, 0600);
}

std::vector<std::string> GuestWeights::lower(const std::vector<std::pair<int, pid_t>>& guests,
                                             int64_t weight) {
    std::vector<std::string> troubles;
    for (const auto& [guest, process] : guests) {
        const auto file = weight_file(host_, guest, process);
        if (!file) {
            troubles.push_back(
                fmt::format("guest {} has no control group with a CPU weight", guest));
            continue;
        }
        if (lowered_.count(file->path) != 0) continue;
        const auto before = number_of_file(host_, file->path);
        const int64_t ours = file->version1 ? std::max<int64_t>(2, weight * 1024 / 100) : weight;
        if (!before || *before <= ours) continue;
        // Noted first: after a crash in between it is put back to what it is.
        lowered_[file->path] = {*before, ours};
        save();
        if (const int error = put(file->path, ours); error != 0) {
            troubles.push_back(
                fmt::format("guest {}: {}: {}", guest, file->path, errno_words(error)));
            lowered_.erase(file->path);
            save();
        }
    }
    return troubles;
}

void GuestWeights::put_back() {
    for (const auto& [path, was] : lowered_)
        if (number_of_file(host_, path) == was.ours) put(path, was.before);
    lowered_.clear();
    save();
}

}  // namespace lodge
