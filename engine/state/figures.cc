#include "engine/state/figures.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "engine/units.h"

namespace lodge {
namespace {

constexpr std::string_view blanks = " \t\n";

// The number behind "name:" or "name" in the text; 0 when there is none.
uint64_t number_behind(std::string_view text, std::string_view name) {
    const auto at = text.find(name);
    if (at == std::string_view::npos) return 0;
    text.remove_prefix(at + name.size());
    return number_of(next_word(text));
}

int64_t kilobytes(std::string_view text, std::string_view name) {
    return static_cast<int64_t>(std::min<uint64_t>(number_behind(text, name), UINT64_C(1) << 50)) *
           1024;
}

}  // namespace

std::string_view next_word(std::string_view& text) {
    const size_t begin = std::min(text.find_first_not_of(blanks), text.size());
    const size_t end = std::min(text.find_first_of(blanks, begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    text.remove_prefix(end);
    return word;
}

std::string_view next_line(std::string_view& text) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

uint64_t number_of(std::string_view text) {
    uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::optional<ProcessFigures> process_figures(std::string_view stat) {
    // The name in parentheses may hold anything: the fields begin after the last ')'.
    const auto name_end = stat.rfind(')');
    if (name_end == std::string_view::npos) return std::nullopt;
    stat.remove_prefix(name_end + 1);
    ProcessFigures figures;
    constexpr int state = 3, user_time = 14, system_time = 15;
    for (int field = state; field <= system_time; ++field) {
        const std::string_view word = next_word(stat);
        if (word.empty()) return std::nullopt;
        if (field == state) figures.state = word.front();
        if (field == user_time || field == system_time) figures.ticks += number_of(word);
    }
    return figures;
}

std::optional<IoFigures> io_figures(std::string_view io) {
    if (io.find("read_bytes: ") == std::string_view::npos) return std::nullopt;
    // "cancelled_write_bytes" comes last and holds the other name.
    return IoFigures{number_behind(io, "\nread_bytes:"), number_behind(io, "\nwrite_bytes:")};
}

double group_cpu_seconds(std::string_view text) {
    if (text.starts_with("usage_usec"))
        return static_cast<double>(number_behind(text, "usage_usec")) / 1e6;
    return static_cast<double>(number_of(text)) / 1e9;
}

int64_t group_cache(std::string_view text) {
    // Version 1 has figures of the group alone and of all below it, which are those that count.
    const bool version1 = text.find("\ntotal_inactive_file ") != std::string_view::npos;
    return static_cast<int64_t>(
        number_behind(text, version1 ? "\ntotal_inactive_file" : "\ninactive_file"));
}

std::vector<CpuFigures> cpu_figures(std::string_view stat) {
    std::vector<CpuFigures> all;
    while (stat.starts_with("cpu")) {
        std::string_view line = next_line(stat);
        next_word(line);
        // user nice system idle iowait irq softirq steal; time of guests is in user and nice too.
        CpuFigures one;
        for (int field = 0; field < 8; ++field) {
            const uint64_t ticks = number_of(next_word(line));
            one.all += ticks;
            if (field != 3 && field != 4) one.busy += ticks;
        }
        all.push_back(one);
    }
    return all;
}

double busy_share(const CpuFigures& before, const CpuFigures& now) {
    // iowait may go back a little (proc(5)).
    if (now.all <= before.all || now.busy < before.busy) return 0;
    return std::min(1.0, static_cast<double>(now.busy - before.busy) /
                             static_cast<double>(now.all - before.all));
}

MemoryFigures memory_figures(std::string_view text) {
    return {kilobytes(text, "MemTotal:"), kilobytes(text, "MemAvailable:"),
            kilobytes(text, "SwapTotal:"), kilobytes(text, "SwapFree:")};
}

std::vector<LinkFigures> link_figures(std::string_view text) {
    std::vector<LinkFigures> links;
    next_line(text);
    next_line(text);
    while (!text.empty()) {
        std::string_view line = next_line(text);
        // A name may hold a colon itself, and the first number may touch it.
        const auto colon = line.rfind(':');
        if (colon == std::string_view::npos) continue;
        LinkFigures link;
        link.name = trim(line.substr(0, colon));
        line.remove_prefix(colon + 1);
        link.received = number_of(next_word(line));
        for (int skipped = 0; skipped < 7; ++skipped)
            next_word(line);
        link.sent = number_of(next_word(line));
        links.push_back(link);
    }
    return links;
}

std::vector<DiskFigures> disk_figures(std::string_view text) {
    constexpr uint64_t sector = 512;  // whatever the disk's own sectors are
    std::vector<DiskFigures> disks;
    while (!text.empty()) {
        std::string_view line = next_line(text);
        next_word(line);
        next_word(line);
        DiskFigures disk;
        disk.name = next_word(line);
        for (int field = 1; field <= 10; ++field) {
            const uint64_t number = number_of(next_word(line));
            if (field == 3) disk.read = number * sector;
            if (field == 7) disk.written = number * sector;
            if (field == 10) disk.busy = number;
        }
        if (!disk.name.empty()) disks.push_back(disk);
    }
    return disks;
}

std::optional<double> pressure_figure(std::string_view text) {
    constexpr std::string_view begin = "some avg10=";
    if (!text.starts_with(begin)) return std::nullopt;
    text.remove_prefix(begin.size());
    const auto percent = parse_number(next_word(text));
    return percent ? std::optional(*percent / 100) : std::nullopt;
}

std::optional<double> Meter::rate(double counter, Time now) {
    const double seconds = std::chrono::duration<double>(now - time_).count();
    if (known_ && counter >= counter_ && seconds < 0.5) return rate_;
    if (!known_ || counter < counter_)
        rate_.reset();
    else
        rate_ = (counter - counter_) / seconds;
    seconds_ = known_ ? seconds : 0;
    known_ = true;
    counter_ = counter;
    time_ = now;
    return rate_;
}

std::optional<double> TickMeter::rate(double counter, Time now) {
    constexpr double longest = 10;  // seconds
    const auto since = [now](const Look& look) {
        return std::chrono::duration<double>(now - look.time).count();
    };
    if (looks_.empty() || counter < looks_.back().counter) {
        looks_ = {{now, counter}};
        rate_.reset();
        return rate_;
    }
    const Look last = looks_.back();
    if (since(last) < 0.5) return rate_;
    // A tick may fall into this look or the next one, at both its ends.
    const double odd = counter - last.counter - rate_.value_or(0) * since(last);
    if (!rate_ || std::abs(odd) > 2.01 * tick_) {
        looks_ = {last};
        rate_.reset();
    }
    looks_.push_back({now, counter});
    while (looks_.size() > 2 && since(looks_.front()) > longest)
        looks_.pop_front();
    const double seconds = since(looks_.front()), grown = counter - looks_.front().counter;
    // What a single tick more or less would do is no news.
    if (!rate_ || grown == 0 || std::abs(grown / seconds - *rate_) > 1.01 * tick_ / seconds)
        rate_ = grown / seconds;
    return rate_;
}

}  // namespace lodge
