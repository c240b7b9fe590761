#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "engine/cgroup.h"
#include "engine/container/container.h"
#include "engine/container/facts.h"
#include "engine/container/life.h"
#include "engine/error.h"
#include "engine/units.h"
#include "tests/support/container.h"
#include "tests/support/scratch.h"

namespace lodge {

// Straight is the work of a plan without a job.
class Straight : public Work {
  public:
    explicit Straight(Engine& engine) : engine_(engine) {}
    Engine& engine() override { return engine_; }
    void say(const std::string& line) override { said += line + "\n"; }
    void progress(int64_t, int64_t, std::string_view) override {}
    bool going() override { return true; }
    std::string said;

  private:
    Engine& engine_;
};

// RealContainer makes containers of this machine's busybox, and starts them for real.
class RealContainer : public ::testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "only root makes containers without systemd";
        if (!host_.program("busybox")) GTEST_SKIP() << "busybox-static is not installed";
        if (group_roots(host_).version1.empty() && group_roots(host_).version2.empty())
            GTEST_SKIP() << "this machine has no control groups";
        if (!ids_.ready()) GTEST_SKIP() << "this kernel gives us no mount namespace";
        ready_ = true;
    }
    void TearDown() override {
        if (!ready_) return;
        for (const Guest& guest : list_guests(scratch_.engine))
            carry(guest.kind->destroy(scratch_.engine, guest, {{"force", true}}));
        // Nothing of it is left in the kernel.
        for (const auto& [controller, root] : group_roots(host_).version1)
            EXPECT_FALSE(std::filesystem::exists(root + "/" + guests_group(host_))) << root;
    }

    std::string carry(const Plan& plan) {
        Straight work(scratch_.engine);
        carry_out(
            plan, scratch_.engine.actions, work, [](void*, size_t, std::string_view) {}, nullptr);
        return work.said;
    }
    Guest make(bool privileged, const std::vector<std::string>& values = {},
               const Values& more = {}) {
        Values words = more;
        words.set({"template", "demo"});
        words.set({"net", "none"});
        words.set({"name", "web"});
        words.add("values", "memory=64");
        words.add("values", "swap=0");
        for (const std::string& value : values)
            words.add("values", value);
        if (privileged) words.set({"privileged", true});
        carry(kind().create(scratch_.engine, 101, words));
        return load_guest(scratch_.engine, 101);
    }
    const GuestKind& kind() const {
        for (const GuestKind* one : scratch_.engine.kinds)
            if (one->name() == "ct") return *one;
        throw Error("no containers");
    }
    void start(const Guest& guest) { carry(kind().start(scratch_.engine, guest, {})); }
    void stop(const Guest& guest) { carry(kind().stop(scratch_.engine, guest, {})); }
    GuestState state() {
        return kind().look(scratch_.engine, load_guest(scratch_.engine, 101)).state;
    }
    pid_t init() {
        const auto monitor = ct_process(host_, 101);
        const auto first = monitor ? ct_init(host_, *monitor) : std::nullopt;
        return first ? first->pid : 0;
    }
    std::string inside(const std::string& command) {
        Program program;
        program.argv = {host_.need_program("lodge-lxc"),
                        "attach",
                        host_.run_folder() + "/guest",
                        "101",
                        "--",
                        "/bin/sh",
                        "-c",
                        command};
        return run_program(program, std::chrono::seconds(20)).output;
    }

    ScratchEngine scratch_;
    Host& host_ = scratch_.host;
    OwnIds ids_{scratch_.folder.path()};
    bool ready_ = false;
};

}  // namespace lodge
