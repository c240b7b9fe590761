#include "engine/scope.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "engine/error.h"

namespace lodge {
namespace {

void expect_has(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
}

// FakeSystemd answers at the other end of a socket pair, in a thread of its own.
class FakeSystemd {
  public:
    using Answer = std::function<int(FakeSystemd&, sd_bus_message*)>;

    explicit FakeSystemd(Answer answer) : answer_(std::move(answer)) {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
            std::abort();
        thread_ = std::thread([this, fd = ends[1]] { serve(fd); });
        sd_bus* bus = nullptr;
        sd_bus_new(&bus);
        sd_bus_set_fd(bus, ends[0], ends[0]);
        sd_bus_start(bus);
        client.reset(bus);
    }
    ~FakeSystemd() {
        client.reset();
        done_ = true;
        thread_.join();
    }
    FakeSystemd(const FakeSystemd&) = delete;
    FakeSystemd& operator=(const FakeSystemd&) = delete;

    void job_removed(const char* unit, const char* result) const {
        sd_bus_message* signal = nullptr;
        sd_bus_message_new_signal(server_, &signal, "/org/freedesktop/systemd1",
                                  "org.freedesktop.systemd1.Manager", "JobRemoved");
        sd_bus_message_append(signal, "uoss", 7u, "/org/freedesktop/systemd1/job/7", unit, result);
        sd_bus_message_set_sender(signal, "org.freedesktop.systemd1");
        sd_bus_send(server_, signal, nullptr);
        sd_bus_message_unref(signal);
    }

    Bus client;
    std::vector<std::string> calls;

  private:
    static int call(sd_bus_message* message, void* self, sd_bus_error*) {
        auto& systemd = *static_cast<FakeSystemd*>(self);
        if (const char* member = sd_bus_message_get_member(message))
            systemd.calls.emplace_back(member);
        return systemd.answer_(systemd, message);
    }
    void serve(int fd) {
        sd_bus_new(&server_);
        sd_bus_set_fd(server_, fd, fd);
        sd_id128_t id{};
        id.bytes[0] = 1;
        sd_bus_set_server(server_, 1, id);
        sd_bus_set_anonymous(server_, 1);
        sd_bus_start(server_);
        sd_bus_add_filter(server_, nullptr, call, this);
        while (!done_) {
            const int handled = sd_bus_process(server_, nullptr);
            if (handled < 0) break;
            if (handled == 0) sd_bus_wait(server_, 20'000);
        }
        sd_bus_flush_close_unref(server_);
    }

    Answer answer_;
    sd_bus* server_ = nullptr;
    std::atomic<bool> done_{false};
    std::thread thread_;
};

bool is_start(sd_bus_message* message) {
    return sd_bus_message_is_method_call(message, "org.freedesktop.systemd1.Manager",
                                         "StartTransientUnit") > 0;
}

int accept(sd_bus_message* message) {
    return sd_bus_reply_method_return(message, "o", "/org/freedesktop/systemd1/job/7");
}

std::string error_of(const std::function<void()>& body) {
    try {
        body();
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

TEST(Scope, is_asked_for_and_waited_for) {
    std::string unit;
    FakeSystemd systemd([&](FakeSystemd& self, sd_bus_message* message) {
        if (!is_start(message)) return 0;
        const char *name = nullptr, *mode = nullptr;
        sd_bus_message_read(message, "ss", &name, &mode);
        unit = name;
        sd_bus_message_enter_container(message, 'a', "(sv)");
        const char* key = nullptr;
        while (sd_bus_message_enter_container(message, 'r', "sv") > 0) {
            sd_bus_message_read(message, "s", &key);
            unit += std::string(" ") + key;
            uint64_t number = 0;
            const std::string_view word(key);
            if (word == "CPUWeight" || word == "CPUQuotaPerSecUSec") {
                sd_bus_message_read(message, "v", "t", &number);
                unit += "=" + std::to_string(number);
            } else {
                sd_bus_message_skip(message, "v");
            }
            sd_bus_message_exit_container(message);
        }
        accept(message);
        self.job_removed("lodge-101.scope", "done");
        return 1;
    });
    CpuShare share;
    share.cpus = 1.5;
    share.units = 200;
    ScopeRequest request(systemd.client.get(), "lodge-101.scope", {1234}, share);
    request.finish(std::chrono::seconds(3));
    EXPECT_EQ(unit,
              "lodge-101.scope Description Slice KillMode SendSIGKILL TimeoutStopUSec CollectMode "
              "CPUWeight=200 CPUQuotaPerSecUSec=1500000 PIDs");
}

TEST(Scope, refused) {
    FakeSystemd systemd([](FakeSystemd&, sd_bus_message* message) {
        return sd_bus_reply_method_errorf(message, SD_BUS_ERROR_ACCESS_DENIED, "not you");
    });
    ScopeRequest request(systemd.client.get(), "lodge-101.scope", {1234}, {});
    expect_has(error_of([&] { request.finish(std::chrono::seconds(3)); }),
               "systemd refused the scope lodge-101.scope: not you");
}

TEST(Scope, that_is_there_already_is_cleared_once) {
    int starts = 0;
    FakeSystemd systemd([&](FakeSystemd& self, sd_bus_message* message) {
        if (!is_start(message)) return sd_bus_reply_method_return(message, "");
        if (++starts == 1)
            return sd_bus_reply_method_errorf(message, "org.freedesktop.systemd1.UnitExists",
                                              "already there");
        accept(message);
        self.job_removed("lodge-101.scope", "done");
        return 1;
    });
    ScopeRequest request(systemd.client.get(), "lodge-101.scope", {1234}, {});
    request.finish(std::chrono::seconds(3));
    EXPECT_EQ(starts, 2);
}

TEST(Scope, whose_job_fails) {
    FakeSystemd systemd([](FakeSystemd& self, sd_bus_message* message) {
        accept(message);
        self.job_removed("lodge-101.scope", "failed");
        return 1;
    });
    ScopeRequest request(systemd.client.get(), "lodge-101.scope", {1234}, {});
    expect_has(error_of([&] { request.finish(std::chrono::seconds(3)); }), "did not make");
}

TEST(Scope, never_answered) {
    FakeSystemd systemd([](FakeSystemd&, sd_bus_message*) { return 1; });
    ScopeRequest request(systemd.client.get(), "lodge-101.scope", {1234}, {});
    expect_has(error_of([&] { request.finish(std::chrono::milliseconds(200)); }), "within 200 ms");
}

TEST(Scope, changed) {
    FakeSystemd systemd([](FakeSystemd&, sd_bus_message* message) {
        return sd_bus_reply_method_return(message, "");
    });
    change_scope(systemd.client.get(), "lodge-101.scope", {});
}

}  // namespace
}  // namespace lodge
