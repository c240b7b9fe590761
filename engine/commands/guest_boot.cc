#include <algorithm>
#include <map>
#include <thread>

#include "engine/commands/common.h"
#include "engine/units.h"

namespace lodge {
namespace {

using std::chrono::seconds;

// A guest's `startup`: [order=]N[,up=N][,down=N]. Without an order it comes last and goes first.
struct Startup {
    int64_t order = INT64_MAX;
    std::optional<int64_t> up, down;
};

Startup startup_of(const Guest& guest) {
    Startup startup;
    const auto value = guest.config.current.get("startup");
    if (!value) return startup;
    for (const std::string& piece : split(*value, ',')) {
        const auto equals = piece.find('=');
        const auto number = parse_integer(trim(equals == std::string::npos
                                                   ? std::string_view(piece)
                                                   : std::string_view(piece).substr(equals + 1)));
        if (!number || *number < 0) continue;  // it is among the configuration's problems
        const std::string name(equals == std::string::npos ? "order" : piece.substr(0, equals));
        if (name == "order") startup.order = *number;
        if (name == "up") startup.up = *number;
        if (name == "down") startup.down = *number;
    }
    return startup;
}

struct Entry {
    Guest guest;
    Startup startup;
};

// The guests by order, lowest first, and by id within one.
std::map<int64_t, std::vector<Entry>> by_order(std::vector<Guest> guests) {
    std::map<int64_t, std::vector<Entry>> groups;
    for (Guest& guest : guests) {
        const Startup startup = startup_of(guest);
        groups[startup.order].push_back({std::move(guest), startup});
    }
    return groups;
}

bool is_up(Engine& engine, const Guest& guest) {
    const GuestState state = guest.kind->look(engine, guest).state;
    return state == GuestState::running || state == GuestState::paused ||
           state == GuestState::starting || state == GuestState::unknown;
}

std::string order_words(int64_t order) {
    return order == INT64_MAX ? std::string("no order") : fmt::format("order {}", order);
}

void say(const std::string& line) {
    fmt::print("{}\n", printable(line));
    std::fflush(stdout);
}

// Starts the plan's job; 0 when it could not be begun, which is told.
int begin(Engine& engine, const Guest& guest, const std::function<Plan()>& make, int& worst) {
    try {
        return engine.jobs.start(engine, make());
    } catch (const Error& error) {
        fmt::print(stderr, "lodge: {}: {}\n", guest_words(guest), printable(error.what()));
        worst = std::max(worst, static_cast<int>(error.exit()));
        return 0;
    }
}

void finish(Engine& engine, const Guest& guest, int number, std::string_view done, int& worst) {
    if (number == 0) return;
    const JobRecord record = engine.jobs.follow(number, {});
    if (record.state == JobState::done) {
        say(fmt::format("{} {}", guest_words(guest), done));
        return;
    }
    const int exit = record.exit == Exit::ok ? 1 : static_cast<int>(record.exit);
    fmt::print(stderr, "lodge: {}: {}\n", guest_words(guest),
               printable(record.error.empty() ? job_state_word(record.state) : record.error));
    worst = std::max(worst, exit);
}

}  // namespace

int start_all(Engine& engine, const Values& words) {
    std::vector<Guest> guests;
    for (Guest& guest : list_guests(engine))
        if (guest.config.flag("onboot") && !guest.config.flag("template") && !is_up(engine, guest))
            guests.push_back(std::move(guest));
    if (guests.empty()) say("no guest with onboot=1 waits to be started");
    int worst = 0;
    const auto groups = by_order(std::move(guests));
    for (const auto& [order, entries] : groups) {
        int64_t delay = 0;
        std::vector<int> jobs;
        for (const Entry& entry : entries) {
            const Guest& guest = entry.guest;
            delay = std::max(delay, entry.startup.up.value_or(guest.kind->name() == "vm" ? 3 : 0));
            if (words.flag("dry-run")) {
                say(fmt::format("start {}  # {}", guest_words(guest), order_words(order)));
            } else {
                jobs.push_back(begin(
                    engine, guest, [&] { return guest.kind->start(engine, guest, {}); }, worst));
            }
        }
        for (size_t i = 0; i < jobs.size(); ++i)
            finish(engine, entries[i].guest, jobs[i], "runs", worst);
        // The delay is for what follows.
        if (order == groups.rbegin()->first || delay == 0) continue;
        if (words.flag("dry-run"))
            say(fmt::format("wait {} s", delay));
        else
            std::this_thread::sleep_for(seconds(delay));
    }
    return worst;
}

int stop_all(Engine& engine, const Values& words) {
    std::vector<Guest> guests;
    for (Guest& guest : list_guests(engine))
        if (is_up(engine, guest)) guests.push_back(std::move(guest));
    if (guests.empty()) say("no guest runs");
    int worst = 0;
    auto groups = by_order(std::move(guests));
    for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
        auto& [order, entries] = *group;
        std::reverse(entries.begin(), entries.end());
        std::vector<int> jobs;
        for (const Entry& entry : entries) {
            const Guest& guest = entry.guest;
            const int64_t limit = entry.startup.down.value_or(180);
            if (words.flag("dry-run")) {
                say(fmt::format("shut down {} within {} s  # {}", guest_words(guest), limit,
                                order_words(order)));
                continue;
            }
            jobs.push_back(begin(
                engine, guest,
                [&] {
                    // A paused guest hears no power button.
                    if (guest.kind->look(engine, guest).state == GuestState::paused)
                        return guest.kind->stop(engine, guest, {});
                    return guest.kind->shutdown(engine, guest,
                                                {{"timeout", limit}, {"force", true}});
                },
                worst));
        }
        for (size_t i = 0; i < jobs.size(); ++i)
            finish(engine, entries[i].guest, jobs[i], "is down", worst);
    }
    return worst;
}

}  // namespace lodge
