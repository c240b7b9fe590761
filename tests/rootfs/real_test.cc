#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "engine/container/beneath.h"
#include "engine/container/rootfs.h"
#include "engine/container/user_namespace.h"
#include "engine/units.h"
#include "tests/rootfs/archive_text.h"
#include "tests/support/cases.h"
#include "tests/support/scratch.h"

// Root filesystems on real file systems, by root and by an ordinary user, on good days and bad
// ones.

namespace lodge {
namespace {

const std::vector<std::string> usual_map = {"u 0 100000 65536", "g 0 100000 65536"};

bool is_root() {
    return ::geteuid() == 0;
}

// Mounts of a test's own, gone with its process.
bool own_mounts() {
    return ::unshare(CLONE_NEWNS) == 0 &&
           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

struct Filling {
    ScratchEngine scratch;
    std::string top = scratch.folder.path();
    std::string root = top + "/rootfs";
    std::vector<std::string> said;

    Filling() { std::filesystem::create_directories(root); }
    std::string archive(const std::string& text) const {
        std::string path = top + "/archive.tar";
        std::ofstream(path, std::ios::binary) << archive_of_text(text);
        return path;
    }
    Plan plan(const std::string& source, const std::vector<std::string>& map = {}) {
        Plan plan;
        plan.title = "fill";
        plan_rootfs(scratch.engine, {source, root, parse_id_map(map), 0}, plan);
        return plan;
    }
    // The words of the Error, "" when it worked.
    std::string run(const Plan& plan) {
        try {
            scratch.engine.jobs.run_here(scratch.engine, plan, [&](const JobEvent& event) {
                if (event.kind == JobEvent::Kind::say) said.push_back(event.words);
            });
        } catch (const Error& trouble) {
            return trouble.what();
        }
        return "";
    }
};

// Files enough that an extraction takes a while.
std::string large_archive(int files, int bytes) {
    std::string text;
    for (int i = 0; i < files; ++i)
        text += fmt::format("file ./usr/d{}/f{} size={}\n", i / 50, i, bytes);
    return text;
}

TEST(Rootfs, AFullDiskIsRolledBack) {
    if (!is_root() || !own_mounts()) GTEST_SKIP() << "only root may mount a small file system";
    Filling filling;
    ASSERT_EQ(::mount("none", filling.root.c_str(), "tmpfs", 0, "size=2m,nr_inodes=2000"), 0);
    // The sum is within what is free; with what the files' ends leave unused it is not.
    const std::string source = filling.archive(large_archive(480, 4097));
    const std::string words = filling.run(filling.plan(source));
    EXPECT_NE(words.find("no space left (at './usr/d"), std::string::npos) << words;
    EXPECT_TRUE(names_in(open_folder(filling.root)).empty());
    EXPECT_EQ(filling.run(filling.plan(filling.archive(large_archive(5, 4097)))), "");
    ::umount2(filling.root.c_str(), MNT_DETACH);
}

TEST(Rootfs, NoInodesLeftIsRolledBack) {
    if (!is_root() || !own_mounts()) GTEST_SKIP() << "only root may mount a small file system";
    Filling filling;
    ASSERT_EQ(::mount("none", filling.root.c_str(), "tmpfs", 0, "size=9m,nr_inodes=100"), 0);
    const std::string words = filling.run(filling.plan(filling.archive(large_archive(300, 1))));
    EXPECT_NE(words.find("no space left"), std::string::npos) << words;
    EXPECT_TRUE(names_in(open_folder(filling.root)).empty());
    ::umount2(filling.root.c_str(), MNT_DETACH);
}

TEST(Rootfs, WhatIsInTheFolderStays) {
    Filling filling;
    std::ofstream(filling.root + "/mine") << "precious";
    const std::string words = filling.run(filling.plan(filling.archive("file ./a text=x")));
    EXPECT_NE(words.find("it is not empty ('mine' is in it)"), std::string::npos) << words;
    EXPECT_EQ(cases::read(filling.root + "/mine"), "precious");
}

TEST(Rootfs, CancelledIsEmptyAgain) {
    Filling filling;
    const Plan plan = filling.plan(filling.archive(large_archive(3000, 4000)));
    class Cancelling : public Work {
      public:
        explicit Cancelling(Engine& engine) : engine_(engine) {}
        Engine& engine() override { return engine_; }
        void say(const std::string&) override {}
        void progress(int64_t done, int64_t, std::string_view) override {
            if (done > 0) going_ = false;
        }
        bool going() override { return going_; }

      private:
        Engine& engine_;
        bool going_ = true;
    } work(filling.scratch.engine);
    try {
        carry_out(
            plan, filling.scratch.engine.actions, work, [](void*, size_t, std::string_view) {},
            nullptr);
        FAIL() << "it was not cancelled";
    } catch (const Error& trouble) {
        EXPECT_EQ(trouble.exit(), Exit::cancelled) << trouble.what();
    }
    EXPECT_TRUE(names_in(open_folder(filling.root)).empty());
}

TEST(Rootfs, KilledInTheMiddleCanBeCleaned) {
    Filling filling;
    Engine& engine = filling.scratch.engine;
    // Large enough that it is still at work when it is killed.
    const int number =
        engine.jobs.start(engine, filling.plan(filling.archive(large_archive(20000, 2000))));
    while (engine.jobs.load(number).state == JobState::running &&
           names_in(open_folder(filling.root)).empty())
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const auto process = engine.jobs.load(number).process;
    ASSERT_TRUE(process);
    const Fd pidfd = open_process(filling.scratch.host, *process);
    signal_process(pidfd, SIGKILL);
    ASSERT_TRUE(wait_end(pidfd, std::chrono::seconds(60)));
    ASSERT_EQ(engine.jobs.load(number).state, JobState::interrupted);
    EXPECT_FALSE(names_in(open_folder(filling.root)).empty());
    EXPECT_EQ(filling.run(engine.jobs.clean(number)), "");
    EXPECT_TRUE(names_in(open_folder(filling.root)).empty());
    EXPECT_EQ(engine.jobs.load(number).state, JobState::cleaned);
}

// However deep: neither descriptors nor the stack run out.
TEST(Rootfs, DeepFoldersAreEmptied) {
    Filling filling;
    Fd here = open_folder(filling.root);
    constexpr int depth = 2000;
    for (int i = 0; i < depth; ++i) {
        ASSERT_EQ(::mkdirat(here.get(), "d", 0700), 0);
        Fd next(::openat(here.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        ASSERT_TRUE(next) << errno_words(errno);
        here = std::move(next);
    }
    here.reset();
    const Fd root = open_folder(filling.root);
    empty_folder(root);
    EXPECT_TRUE(names_in(root).empty());
}

TEST(Rootfs, WhatIsMountedInItIsNotEmptied) {
    if (!is_root() || !own_mounts()) GTEST_SKIP() << "only root may mount";
    Filling filling;
    const std::string inner = filling.root + "/mnt";
    std::filesystem::create_directories(inner);
    ASSERT_EQ(::mount("none", inner.c_str(), "tmpfs", 0, "size=1m"), 0);
    std::ofstream(inner + "/data") << "precious";
    Plan plan;
    plan.step("empty it", empty_rootfs(filling.root, {}));
    EXPECT_NE(filling.run(plan), "");
    EXPECT_EQ(cases::read(inner + "/data"), "precious");
    ::umount2(inner.c_str(), MNT_DETACH);
}

TEST(Rootfs, FactsAreReadInsideOnly) {
    Filling filling;
    const auto write = [&](const std::string& path, const std::string& text) {
        std::filesystem::create_directories(
            std::filesystem::path(filling.root + path).parent_path());
        std::ofstream(filling.root + path) << text;
    };
    write("/usr/lib/os-release",
          "ID=ubuntu\nID_LIKE=debian\nPRETTY_NAME=\"Ubuntu 24.04\x1b[31m\"\n");
    std::filesystem::create_directories(filling.root + "/etc");
    std::filesystem::create_symlink("/usr/lib/os-release", filling.root + "/etc/os-release");
    RootfsFacts facts = facts_of_folder(filling.root);
    EXPECT_EQ(facts.ostype, "ubuntu");
    EXPECT_EQ(facts.title, "Ubuntu 24.04\\x1B[31m");
    // A link that leads out leads nowhere.
    std::ofstream(filling.top + "/secret") << "ID=alpine\n";
    std::filesystem::remove(filling.root + "/usr/lib/os-release");
    std::filesystem::remove(filling.root + "/etc/os-release");
    std::filesystem::create_symlink("../../secret", filling.root + "/etc/os-release");
    EXPECT_EQ(facts_of_folder(filling.root).ostype, "unmanaged");
    write("/etc/os-release.d/x", "");
    std::filesystem::remove(filling.root + "/etc/os-release");
    ASSERT_EQ(::mkfifo((filling.root + "/etc/os-release").c_str(), 0600), 0);
    EXPECT_EQ(facts_of_folder(filling.root).ostype, "unmanaged");
    std::filesystem::create_directories(filling.root + "/bin");
    std::filesystem::copy_file("/proc/self/exe", filling.root + "/bin/sh");
    const std::string arch = facts_of_folder(filling.root).arch;
    EXPECT_TRUE(arch == "amd64" || arch == "arm64") << arch;
}

TEST(Rootfs, FactsOfAnArchiveAreFoundOnTheWay) {
    Filling filling;
    const auto facts = [&](const std::string& text) {
        return facts_of_source(filling.scratch.engine, filling.archive(text));
    };
    EXPECT_EQ(facts("file ./etc/vzdump/pct.conf text=ostype:%20debian%0a\nfile ./a").config,
              "ostype: debian\n");
    EXPECT_EQ(facts("folder ./etc\nfile ./etc/debian_version text=12.5\nfile ./usr/x").ostype,
              "debian");
    EXPECT_EQ(facts("compress xz\nfile ./etc/debian_version text=12\n"
                    "file ./etc/lsb-release text=DISTRIB_ID=Ubuntu%0a\nfile ./usr/x")
                  .ostype,
              "ubuntu");
    EXPECT_EQ(facts("link ./etc/os-release ../usr/lib/os-release\nfile ./x\n"
                    "file ./usr/lib/os-release text=ID=alpine%0aPRETTY_NAME=A%0a")
                  .title,
              "A");
    EXPECT_EQ(facts("file ./a").ostype, "unmanaged");
}

// As one who is not root works: a process that is the container's root fills the folder.
void fill_as_user(const std::string& top, const passwd& user) {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(user.pw_gid, user.pw_gid, user.pw_gid) != 0 ||
        ::setresuid(user.pw_uid, user.pw_uid, user.pw_uid) != 0)
        ::_exit(70);
    try {
        Host::Places places = ScratchEngine::places(top);
        Host host(places);
        Engine engine(host, all_actions(), guest_kinds());
        const std::string root = top + "/rootfs";
        std::filesystem::create_directories(root);
        Plan plan;
        plan_rootfs(engine, {top + "/archive.tar", root, parse_id_map(usual_map), 0}, plan);
        engine.jobs.run_here(engine, plan, {});
        std::filesystem::create_directories(top + "/again");
        Plan bad;
        plan_rootfs(engine, {top + "/bad.tar", top + "/again", parse_id_map(usual_map), 0}, bad);
        try {
            engine.jobs.run_here(engine, bad, {});
            ::_exit(71);
        } catch (const Error& trouble) {
            if (trouble.exit() != Exit::refused) ::_exit(72);
            std::ofstream(top + "/words") << trouble.what();
        }
        if (!names_in(open_folder(top + "/again")).empty()) ::_exit(73);
        ::_exit(0);
    } catch (const std::exception& trouble) {
        std::ofstream(top + "/words") << trouble.what();
        ::_exit(74);
    }
}

TEST(Rootfs, AnOrdinaryUserFillsItAsTheContainersRoot) {
    const passwd* found = ::getpwnam("lodge-guest");
    if (!is_root() || !own_mounts() || !found) GTEST_SKIP() << "only root may become someone else";
    if (::access("/usr/bin/newuidmap", X_OK) != 0) GTEST_SKIP() << "no newuidmap (uidmap)";
    const passwd user = *found;
    Filling filling;
    const std::string home = filling.top + "/home";
    std::filesystem::create_directories(home);
    std::ofstream(home + "/archive.tar", std::ios::binary) << archive_of_text(
        "folder ./\nfolder ./etc mode=700\nfile ./etc/shadow mode=640 gid=42 text=s\n"
        "file ./ping mode=755 text=p "
        "xattr=security.capability:0100000200200000000000000000000000000000\n"
        "file ./of uid=1000 gid=1000 mode=4755 text=u\nlink ./l /etc/passwd\n");
    std::ofstream(home + "/bad.tar", std::ios::binary) << archive_of_text(
        "file ./a uid=3 mode=0 text=a\nfolder ./b uid=5 mode=0\nfile ../x text=x\n");
    ASSERT_EQ(::chown(home.c_str(), user.pw_uid, user.pw_gid), 0);
    ASSERT_EQ(::chmod(home.c_str(), 0700), 0);
    // Ranges for this test alone, over the machine's own files.
    const std::string ranges = filling.top + "/sub";
    std::ofstream(ranges) << "lodge-guest:100000:65536\n";
    for (const char* file : {"/etc/subuid", "/etc/subgid"})
        ASSERT_EQ(::mount(ranges.c_str(), file, nullptr, MS_BIND, nullptr), 0) << file;
    const pid_t pid = ::fork();
    if (pid == 0) fill_as_user(home, user);
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(WEXITSTATUS(status), 0) << cases::read(home + "/words");
    EXPECT_NE(cases::read(home + "/words").find("'../x' leads out"), std::string::npos);
    EXPECT_EQ(tree_text(home + "/rootfs"),
              ".  d0755 100000:100000\n"
              "etc  d0700 100000:100000\n"
              "etc/shadow  -0640 100000:100042 's'\n"
              "l  l     100000:100000 -> /etc/passwd\n"
              "of  -4755 101000:101000 'u'\n"
              "ping  -0755 100000:100000 'p' "
              "security.capability=0100000300200000000000000000000000000000a0860100\n");
    for (const char* file : {"/etc/subuid", "/etc/subgid"})
        ::umount2(file, MNT_DETACH);
}

}  // namespace
}  // namespace lodge
