#include "engine/job_events.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "engine/host.h"

namespace lodge {

using nlohmann::json;

namespace {

constexpr size_t most_log_lines = 20000;

std::string dump(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

JobState state_of(std::string_view word) {
    for (const JobState state : {JobState::done, JobState::failed, JobState::cancelled,
                                 JobState::interrupted, JobState::cleaned})
        if (word == job_state_word(state)) return state;
    return JobState::failed;
}

// One event into the record; what there is to tell of it, if anything.
std::optional<JobEvent> take(const json& event, JobRecord& record) {
    const std::string kind = event.at("e").get<std::string>();
    if (record.started == 0) record.started = event.at("t").get<int64_t>();
    if (kind == "begin" || kind == "undo") {
        const auto index = event.at("step").get<size_t>();
        if (kind == "undo") record.undoing = true;
        if (kind == "begin") record.steps_begun = std::max(record.steps_begun, index + 1);
        record.done = record.total = 0;
        const bool known = index < record.plan.steps.size();
        const std::string why = known ? record.plan.steps[index].why : std::string();
        return JobEvent{JobEvent::Kind::step, kind == "undo" ? "taking back: " + why : why, 0, 0,
                        ""};
    }
    if (kind == "done") {
        record.steps_done = std::max(record.steps_done, event.at("step").get<size_t>() + 1);
    } else if (kind == "say") {
        record.log.push_back(event.at("w").get<std::string>());
        return JobEvent{JobEvent::Kind::say, record.log.back(), 0, 0, ""};
    } else if (kind == "progress") {
        record.done = event.at("d").get<int64_t>();
        record.total = event.at("n").get<int64_t>();
        record.unit = event.at("u").get<std::string>();
        return JobEvent{JobEvent::Kind::progress, "", record.done, record.total, record.unit};
    } else if (kind == "end") {
        record.state = state_of(event.at("state").get<std::string>());
        record.exit = static_cast<Exit>(event.at("exit").get<int>());
        record.error = event.at("error").get<std::string>();
        record.ended = event.at("t").get<int64_t>();
        return JobEvent{JobEvent::Kind::end, record.error, 0, 0, ""};
    }
    return std::nullopt;
}

}  // namespace

JobLog::JobLog(const std::string& path, const Host& host, Fd bell)
    : bell_(std::move(bell)), host_(host) {
    fd_.reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
    if (!fd_) fail_errno(errno, "cannot write " + path);
}

void JobLog::line(const std::string& text) {
    // A full disk must not stop the work that may free it: what cannot be logged is lost, the
    // outcome of the steps is not.
    const std::string whole = text + "\n";
    while (::write(fd_.get(), whole.data(), whole.size()) < 0 && errno == EINTR) {
    }
    // Who does not listen any more, or has not heard the last ones yet, needs no other.
    if (bell_ && ::write(bell_.get(), "1", 1) < 0 && errno == EPIPE) bell_.reset();
}

void JobLog::step(size_t index, std::string_view event) {
    line(dump({{"t", host_.now_seconds()}, {"e", event}, {"step", index}}));
}

void JobLog::say(std::string_view text) {
    if (said_++ >= most_log_lines) return;
    line(dump({{"t", host_.now_seconds()}, {"e", "say"}, {"w", text}}));
}

void JobLog::progress(int64_t done, int64_t total, std::string_view unit) {
    line(dump(
        {{"t", host_.now_seconds()}, {"e", "progress"}, {"d", done}, {"n", total}, {"u", unit}}));
}

void JobLog::end(JobState state, Exit exit, std::string_view error) {
    line(dump({{"t", host_.now_seconds()},
               {"e", "end"},
               {"state", job_state_word(state)},
               {"exit", static_cast<int>(exit)},
               {"error", error}}));
}

std::vector<JobEvent> JobReader::read(JobRecord& record) {
    std::vector<JobEvent> fresh;
    if (!fd_) fd_.reset(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd_) return fresh;
    std::array<char, 65536> piece;
    for (ssize_t got = 0; (got = ::read(fd_.get(), piece.data(), piece.size())) > 0;)
        partial_.append(piece.data(), static_cast<size_t>(got));
    size_t begin = 0;
    for (size_t end = 0; (end = partial_.find('\n', begin)) != std::string::npos; begin = end + 1) {
        const auto event =
            json::parse(partial_.begin() + static_cast<ptrdiff_t>(begin),
                        partial_.begin() + static_cast<ptrdiff_t>(end), nullptr, false);
        if (!event.is_object()) continue;
        try {
            if (auto news = take(event, record)) fresh.push_back(std::move(*news));
        } catch (const json::exception&) {
            continue;  // a line that another version wrote
        }
    }
    partial_.erase(0, begin);
    return fresh;
}

bool JobReader::has_ended(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return false;
    std::array<char, 8192> tail;
    const off_t size = ::lseek(fd.get(), 0, SEEK_END);
    const off_t from = std::max<off_t>(0, size - static_cast<off_t>(tail.size()));
    const ssize_t got = ::pread(fd.get(), tail.data(), tail.size(), from);
    if (got <= 0) return false;
    std::string_view text(tail.data(), static_cast<size_t>(got));
    if (text.back() == '\n') text.remove_suffix(1);
    // An error's words may be longer than the tail: then the line's start is not in it.
    const auto line = text.rfind('\n');
    if (line == std::string_view::npos && from > 0) {
        JobRecord record;
        JobReader(path).read(record);
        return record.ended != 0;
    }
    if (line != std::string_view::npos) text.remove_prefix(line + 1);
    return text.find("\"e\":\"end\"") != std::string_view::npos;
}

}  // namespace lodge
