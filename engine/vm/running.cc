#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <string_view>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/life/ending.h"
#include "engine/store.h"
#include "engine/units.h"
#include "engine/vm/life.h"
#include "engine/vm/qmp.h"
#include "engine/vm/vm.h"

// What is known of a guest's QEMU: its process, its words, its end.

namespace lodge {
namespace {

constexpr std::string_view start_mark = "lodge: start ";
constexpr int64_t longest_log = 1 << 20;
constexpr size_t most_words = 2000;

std::string log_path(const Host& host, int id, std::string_view log) {
    return fmt::format("{}/{}", guest_log_folder(host, id), log);
}
std::string end_path(const Host& host, int id) {
    return guest_log_folder(host, id) + "/last-end";
}

// The last `most` bytes of a file, "" when there is none.
std::string tail(const std::string& path, int64_t most) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat found {};
    if (!fd || ::fstat(fd.get(), &found) != 0) return "";
    std::string text(static_cast<size_t>(std::min<int64_t>(found.st_size, most)), '\0');
    const ssize_t got = ::pread(fd.get(), text.data(), text.size(),
                                found.st_size - static_cast<off_t>(text.size()));
    text.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
    return text;
}

std::string time_words(int64_t time) {
    const time_t seconds = time;
    tm parts{};
    ::localtime_r(&seconds, &parts);
    std::array<char, 64> text{};
    const size_t size = ::strftime(text.data(), text.size(), "%F %T", &parts);
    return std::string(text.data(), size);
}

}  // namespace

const Schema& VmKind::schema() const {
    return vm_schema();
}

std::optional<ProcessId> vm_process(const Host& host, int id) {
    const std::string path = guest_run_folder(host, id) + "/pid";
    const auto text = host.read(path);
    if (!text) return std::nullopt;
    // What the file names may be signalled by root: it counts only when it is ours.
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0 || (found.st_uid != host.uid() && found.st_uid != 0))
        return std::nullopt;
    const auto named = ProcessId::parse(*text);
    if (!named) return std::nullopt;
    const auto process = identify(host, named->pid);
    if (!process || process->start != named->start || process->boot != named->boot)
        return std::nullopt;
    return process;
}

Qmp vm_monitor(const Host& host, int id, std::chrono::milliseconds patience) {
    const auto process = vm_process(host, id);
    if (!process) fail(Exit::refused, "guest {} is not running", id);
    try {
        return Qmp::connect(guest_run_folder(host, id) + "/qmp", patience);
    } catch (const Error& error) {
        // It may have ended between the two looks.
        if (!vm_process(host, id)) fail(Exit::refused, "guest {} is not running", id);
        fail(error.exit() == Exit::not_found ? Exit::failed : error.exit(),
             "guest {} (process {}): {}", id, process->pid, error.what());
    }
}

std::string vm_status(const Host& host, int id, std::chrono::milliseconds patience) {
    const nlohmann::json answer = vm_monitor(host, id, patience).call("query-status", {}, patience);
    const auto status = answer.find("status");
    if (status == answer.end() || !status->is_string())
        fail(Exit::failed, "guest {}: QEMU does not say how it is", id);
    return status->get<std::string>();
}

Fd open_vm_log(const Host& host, int id, const std::string& line, std::string_view log) {
    const std::string path = log_path(host, id, log);
    struct stat found {};
    if (::stat(path.c_str(), &found) == 0 && found.st_size > longest_log)
        ::rename(path.c_str(), (path + ".1").c_str());
    Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (!fd) fail_errno(errno, "cannot write " + path);
    const std::string header =
        fmt::format("{}{} {}\n", start_mark, time_words(host.now_seconds()), line);
    if (::write(fd.get(), header.data(), header.size()) != static_cast<ssize_t>(header.size()))
        fail_errno(errno, "cannot write " + path);
    return fd;
}

std::string vm_last_words(const Host& host, int id, std::string_view log) {
    const std::string text = tail(log_path(host, id, log), 65536);
    size_t start = text.rfind("\n" + std::string(start_mark));
    start = start == std::string::npos ? 0 : start + 1;
    if (text.compare(start, start_mark.size(), start_mark) == 0) {
        const size_t end = text.find('\n', start);
        start = end == std::string::npos ? text.size() : end + 1;
    }
    std::string_view words = trim(std::string_view(text).substr(start));
    if (words.size() > most_words) words = words.substr(words.size() - most_words);
    // Line by line: printable() shows a line break as \x0a.
    auto lines = split(words, '\n');
    for (std::string& line : lines)
        line = printable(line);
    return join(lines, "\n");
}

std::optional<LastEnd> vm_last_end(const Host& host, int id) {
    const auto text = host.read(end_path(host, id));
    if (!text) return std::nullopt;
    const auto lines = split(*text, '\n');
    LastEnd end;
    end.time = parse_integer(lines[0]).value_or(0);
    end.died = lines.size() > 1 && lines[1] == "died";
    if (lines.size() > 2) end.words = trim(join({lines.begin() + 2, lines.end()}, "\n"));
    return end;
}

void write_last_end(const Host& host, int id, const LastEnd& end) {
    host.write_volatile(end_path(host, id), fmt::format("{}\n{}\n{}\n", end.time,
                                                        end.died ? "died" : "ended", end.words));
}

void forget_last_end(const Host& host, int id) {
    host.remove(end_path(host, id));
}

AboutRun vm_about(const Host& host, int id) {
    AboutRun about;
    const auto text = host.read(guest_run_folder(host, id) + "/about");
    for (const std::string& line : split(text.value_or(""), '\n')) {
        const size_t space = line.find(' ');
        if (space == std::string::npos) continue;
        const std::string value = line.substr(space + 1);
        if (line.starts_with("kvm ")) about.kvm = value == "1";
        if (line.starts_with("started ")) about.started = value == "1";
        if (line.starts_with("pid-file ")) about.qemu_pid_file = value;
        if (line.starts_with("note ")) about.notes.push_back(value);
    }
    return about;
}

void write_vm_about(const Host& host, int id, const AboutRun& about) {
    std::string text =
        fmt::format("kvm {}\nstarted {}\n", about.kvm ? 1 : 0, about.started ? 1 : 0);
    if (!about.qemu_pid_file.empty()) text += "pid-file " + about.qemu_pid_file + "\n";
    for (const std::string& note : about.notes)
        text += "note " + printable(note) + "\n";
    host.write_volatile(guest_run_folder(host, id) + "/about", text);
}

bool vm_ended_badly(const Host& host, int id) {
    const std::string file = vm_about(host, id).qemu_pid_file;
    return !file.empty() && host.exists(file);
}

void vm_clean(const Host& host, int id) {
    if (const auto process = vm_process(host, id))
        fail(Exit::refused, "cannot clean up after guest {}: it runs (process {})", id,
             process->pid);
    const std::string folder = guest_run_folder(host, id);
    if (host.exists(folder + "/pid")) {
        LastEnd end;
        end.time = host.now_seconds();
        end.words = vm_last_words(host, id);
        end.died = vm_ended_badly(host, id);
        write_last_end(host, id, end);
    }
    for (const std::string& name : host.list(folder))
        if (name.ends_with(".helper")) stop_vm_helper(host, id, name.substr(0, name.size() - 7));
    Cgroup(host, id).remove();
    remove_run_folder(host, id);
}

}  // namespace lodge
