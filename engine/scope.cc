#include "engine/scope.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "engine/error.h"
#include "engine/units.h"

namespace lodge {
namespace {

constexpr const char* service = "org.freedesktop.systemd1";
constexpr const char* object = "/org/freedesktop/systemd1";
constexpr const char* manager = "org.freedesktop.systemd1.Manager";
constexpr uint64_t no_limit = UINT64_MAX;  // systemd's word for "unset"

using Message = std::unique_ptr<sd_bus_message, Owned<sd_bus_message_unref>>;

void check(int result, const char* what) {
    if (result < 0) fail_errno(-result, what);
}

Message make_call(sd_bus* bus, const char* method) {
    sd_bus_message* message = nullptr;
    check(sd_bus_message_new_method_call(bus, &message, service, object, manager, method),
          "cannot ask systemd");
    return Message(message);
}

void add_share(sd_bus_message* message, const CpuShare& share) {
    // 1…10000, 100 unless said otherwise (systemd.resource-control(5)); what the configuration may
    // say beyond that is the most there is.
    const uint64_t weight = share.units > 0
                                ? static_cast<uint64_t>(std::clamp<int64_t>(share.units, 1, 10000))
                                : no_limit;
    const uint64_t quota = share.cpus > 0 ? static_cast<uint64_t>(share.cpus * 1e6) : no_limit;
    check(sd_bus_message_append(message, "(sv)(sv)", "CPUWeight", "t", weight, "CPUQuotaPerSecUSec",
                                "t", quota),
          "cannot ask systemd");
}

// A user's systemd answers at a socket of its own too, as systemctl asks it: without
// dbus-user-session there is no other, and whoever came by su or sudo has no XDG_RUNTIME_DIR.
int open_own_systemd(sd_bus** bus) {
    const char* runtime = ::getenv("XDG_RUNTIME_DIR");
    const std::string address =
        "unix:path=" +
        (runtime && *runtime == '/' ? std::string(runtime)
                                    : fmt::format("/run/user/{}", ::geteuid())) +
        "/systemd/private";
    sd_bus* made = nullptr;
    int result = sd_bus_new(&made);
    if (result >= 0) result = sd_bus_set_address(made, address.c_str());
    if (result >= 0) result = sd_bus_start(made);
    if (result >= 0)
        *bus = made;
    else
        sd_bus_unref(made);
    return result;
}

}  // namespace

Bus open_bus(bool system) {
    sd_bus* bus = nullptr;
    int result = system ? sd_bus_open_system(&bus) : sd_bus_open_user(&bus);
    if (!system && result < 0 && open_own_systemd(&bus) >= 0) result = 0;
    if (result < 0)
        fail_errno(-result, system ? "cannot reach systemd over D-Bus"
                                   : "cannot reach your user's systemd over D-Bus");
    return Bus(bus);
}

ScopeRequest::ScopeRequest(sd_bus* bus, std::string unit, const std::vector<pid_t>& pids,
                           const CpuShare& share, bool delegated)
    : bus_(bus), unit_(std::move(unit)), pids_(pids), share_(share), delegated_(delegated) {
    sd_bus_slot* slot = nullptr;
    // Without waiting: the bus handles the match before the call that is sent after it.
    check(sd_bus_match_signal_async(bus_, &slot, service, object, manager, "JobRemoved",
                                    job_removed, nullptr, this),
          "cannot hear systemd");
    signal_slot_.reset(slot);
    send();
}

void ScopeRequest::send() {
    const Message call = make_call(bus_, "StartTransientUnit");
    sd_bus_message* m = call.get();
    check(sd_bus_message_append(m, "ss", unit_.c_str(), "fail"), "cannot ask systemd");
    check(sd_bus_message_open_container(m, 'a', "(sv)"), "cannot ask systemd");
    // The guest is ended by Lodge, in its own way and time: systemd neither kills nor waits when
    // units stop around it, and keeps no failed unit that would bar the next start.
    check(sd_bus_message_append(m, "(sv)(sv)(sv)(sv)(sv)(sv)", "Description", "s", "Guest of Lodge",
                                "Slice", "s", "lodge.slice", "KillMode", "s", "process",
                                "SendSIGKILL", "b", 0, "TimeoutStopUSec", "t", no_limit,
                                "CollectMode", "s", "inactive-or-failed"),
          "cannot ask systemd");
    add_share(m, share_);
    if (delegated_)
        check(sd_bus_message_append(m, "(sv)", "Delegate", "b", 1), "cannot ask systemd");
    std::vector<uint32_t> pids(pids_.begin(), pids_.end());
    check(sd_bus_message_open_container(m, 'r', "sv"), "cannot ask systemd");
    check(sd_bus_message_append(m, "s", "PIDs"), "cannot ask systemd");
    check(sd_bus_message_open_container(m, 'v', "au"), "cannot ask systemd");
    check(sd_bus_message_append_array(m, 'u', pids.data(), pids.size() * sizeof pids[0]),
          "cannot ask systemd");
    check(sd_bus_message_close_container(m), "cannot ask systemd");
    check(sd_bus_message_close_container(m), "cannot ask systemd");
    check(sd_bus_message_close_container(m), "cannot ask systemd");
    check(sd_bus_message_append(m, "a(sa(sv))", 0), "cannot ask systemd");
    sd_bus_slot* slot = nullptr;
    check(sd_bus_call_async(bus_, &slot, m, replied, this, 0), "cannot ask systemd");
    reply_slot_.reset(slot);
    check(sd_bus_flush(bus_), "cannot ask systemd");
}

int ScopeRequest::replied(sd_bus_message* message, void* self, sd_bus_error*) {
    auto& request = *static_cast<ScopeRequest*>(self);
    if (const sd_bus_error* error = sd_bus_message_get_error(message)) {
        request.trouble_name_ = error->name ? error->name : "";
        request.trouble_ = error->message ? error->message : "no reason given";
        return 0;
    }
    const char* job = nullptr;
    if (sd_bus_message_read(message, "o", &job) < 0 || !job)
        request.trouble_ = "an answer that is none";
    else
        request.job_ = job;
    return 0;
}

int ScopeRequest::job_removed(sd_bus_message* message, void* self, sd_bus_error*) {
    uint32_t number = 0;
    const char *job = nullptr, *unit = nullptr, *result = nullptr;
    if (sd_bus_message_read(message, "uoss", &number, &job, &unit, &result) < 0) return 0;
    static_cast<ScopeRequest*>(self)->ended_.emplace_back(job, result);
    return 0;
}

// A scope of that name that outlived its guest (a helper program that hangs) goes away.
void ScopeRequest::clear_the_way() {
    for (const char* method : {"ResetFailedUnit", "StopUnit"}) {
        const Message call = make_call(bus_, method);
        check(sd_bus_message_append(call.get(), "s", unit_.c_str()), "cannot ask systemd");
        if (std::string_view(method) == "StopUnit")
            check(sd_bus_message_append(call.get(), "s", "replace"), "cannot ask systemd");
        // Either may find that there is nothing to do; the second try says what matters.
        check(sd_bus_send(bus_, call.get(), nullptr), "cannot ask systemd");
    }
}

void ScopeRequest::finish(std::chrono::milliseconds patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    bool again = true;
    for (;;) {
        if (trouble_name_ == "org.freedesktop.systemd1.UnitExists" && again) {
            again = false;
            trouble_name_.clear();
            trouble_.clear();
            clear_the_way();
            send();
        }
        if (!trouble_.empty())
            fail(Exit::failed, "systemd refused the scope {}: {}", unit_, printable(trouble_));
        const auto job = std::find_if(ended_.begin(), ended_.end(),
                                      [&](const auto& one) { return one.first == job_; });
        if (!job_.empty() && job != ended_.end()) {
            if (job->second == "done") return;
            fail(Exit::failed, "systemd did not make the scope {}: {}", unit_,
                 printable(job->second));
        }
        const auto left = std::chrono::duration_cast<std::chrono::microseconds>(
            end - std::chrono::steady_clock::now());
        if (left.count() <= 0)
            fail(Exit::failed, "systemd did not make the scope {} within {} ms", unit_,
                 patience.count());
        int handled = sd_bus_process(bus_, nullptr);
        if (handled == 0) handled = sd_bus_wait(bus_, static_cast<uint64_t>(left.count()));
        if (handled < 0 && handled != -EINTR)
            fail_errno(-handled, "lost the connection to systemd");
    }
}

void change_scope(sd_bus* bus, const std::string& unit, const CpuShare& share) {
    const Message call = make_call(bus, "SetUnitProperties");
    check(sd_bus_message_append(call.get(), "sb", unit.c_str(), 1), "cannot ask systemd");
    check(sd_bus_message_open_container(call.get(), 'a', "(sv)"), "cannot ask systemd");
    add_share(call.get(), share);
    check(sd_bus_message_close_container(call.get()), "cannot ask systemd");
    sd_bus_error error{};  // SD_BUS_ERROR_NULL, which is no C++
    constexpr uint64_t patience = 5'000'000;
    const int result = sd_bus_call(bus, call.get(), patience, &error, nullptr);
    const std::string words = error.message ? error.message : errno_words(-result);
    sd_bus_error_free(&error);
    if (result < 0) fail(Exit::failed, "systemd refused to change {}: {}", unit, printable(words));
}

}  // namespace lodge
