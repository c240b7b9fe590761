#include "engine/store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "engine/error.h"

namespace lodge {
namespace {

namespace fs = std::filesystem;

class StoreTest : public testing::Test {
  protected:
    StoreTest() {
        std::string name = fs::temp_directory_path() / "lodge-store-XXXXXX";
        root_ = ::mkdtemp(name.data());
        host_ = std::make_unique<Host>(Host::Places{.sysroot = {},
                                                    .config = root_ + "/etc",
                                                    .run = root_ + "/run",
                                                    .state = root_ + "/state",
                                                    .program_folders = {},
                                                    .uid = ::getuid(),
                                                    .clock = {},
                                                    .kernel = {}});
        store_ = std::make_unique<Store>(*host_);
    }
    ~StoreTest() override { fs::remove_all(root_); }

    void put(const std::string& folder, int id, std::string_view text) {
        host_->write(store_->path(folder, id), text);
    }
    Config load(int id) { return store_->load("qemu-server", id, vm_schema()); }
    Config change(int id, const std::function<void(Config&)>& edit,
                  const std::string& digest = {}) {
        return store_->change("qemu-server", id, vm_schema(), edit, digest);
    }

    std::string root_;
    std::unique_ptr<Host> host_;
    std::unique_ptr<Store> store_;
};

Exit exit_of(const std::function<void()>& act) {
    try {
        act();
    } catch (const Error& error) {
        return error.exit();
    }
    return Exit::ok;
}

TEST_F(StoreTest, ListsOnlyTheFilesOfGuests) {
    EXPECT_TRUE(store_->ids("qemu-server").empty());
    EXPECT_EQ(store_->free_id(), 100);
    for (const char* name :
         {"1000", "100", "99", "0101", "1000000000", "x", "-100", "+102", "103.new.1"})
        host_->write(root_ + "/etc/qemu-server/" + name + ".conf", "");
    host_->write(root_ + "/etc/qemu-server/104.conf.new.77.0", "");
    put("lxc", 101, "");
    EXPECT_EQ(store_->ids("qemu-server"), (std::vector<int>{100, 1000}));
    EXPECT_EQ(store_->free_id(), 102);
}

TEST_F(StoreTest, CreatesOnceForBothKinds) {
    Config config = Config::parse("", vm_schema(), "new");
    config.current.set("name", "web");
    store_->create("qemu-server", 100, config);
    EXPECT_EQ(load(100).current.get("name"), "web");
    struct stat file {};
    ASSERT_EQ(::stat(store_->path("qemu-server", 100).c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 07777, 0640U);
    for (const char* folder : {"qemu-server", "lxc"})
        EXPECT_EQ(exit_of([&] { store_->create(folder, 100, config); }), Exit::busy);
    EXPECT_EQ(exit_of([&] { store_->create("lxc", 99, config); }), Exit::usage);
}

TEST_F(StoreTest, SaysWhenThereIsNoSuchGuest) {
    EXPECT_EQ(exit_of([&] { load(100); }), Exit::not_found);
    EXPECT_EQ(exit_of([&] { change(100, [](Config&) {}); }), Exit::not_found);
    EXPECT_EQ(exit_of([&] { store_->remove("qemu-server", 100); }), Exit::not_found);
}

TEST_F(StoreTest, WritesOnlyWhatChanged) {
    put("qemu-server", 100, "onboot: 1\r\nname: web");
    ::chmod(store_->path("qemu-server", 100).c_str(), 0600);
    change(100, [](Config& config) { config.current.set("name", "web"); });
    EXPECT_EQ(host_->read(store_->path("qemu-server", 100)), "onboot: 1\r\nname: web");
    const Config after = change(100, [](Config& config) { config.current.set("name", "db"); });
    EXPECT_EQ(host_->read(store_->path("qemu-server", 100)), "name: db\nonboot: 1\n");
    EXPECT_FALSE(after.changed());
    EXPECT_EQ(after.digest(), load(100).digest());
    struct stat file {};
    ASSERT_EQ(::stat(store_->path("qemu-server", 100).c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 07777, 0600U);
}

TEST_F(StoreTest, AnEditThatThrowsWritesNothing) {
    put("qemu-server", 100, "name: web\n");
    EXPECT_EQ(exit_of([&] {
                  change(100, [](Config& config) {
                      config.current.set("name", "db");
                      fail(Exit::refused, "no");
                  });
              }),
              Exit::refused);
    EXPECT_EQ(load(100).text(), "name: web\n");
    change(100, [](Config& config) { config.current.set("name", "db"); });  // not locked any more
}

TEST_F(StoreTest, NoticesAFileThatWasChangedMeanwhile) {
    put("qemu-server", 100, "name: web\n");
    const std::string digest = load(100).digest();
    put("qemu-server", 100, "name: other\n");
    const auto edit = [](Config& config) { config.current.set("cores", "2"); };
    EXPECT_EQ(exit_of([&] { change(100, edit, digest); }), Exit::busy);
    EXPECT_EQ(load(100).text(), "name: other\n");
    change(100, edit, load(100).digest());
    EXPECT_EQ(load(100).text(), "cores: 2\nname: other\n");

    // An editor that knows no lock saves in the middle of our change.
    EXPECT_EQ(exit_of([&] {
                  change(100, [&](Config& config) {
                      put("qemu-server", 100, "name: editor\n");
                      config.current.set("cores", "3");
                  });
              }),
              Exit::busy);
    EXPECT_EQ(load(100).text(), "name: editor\n");
}

TEST_F(StoreTest, RemovesTheFile) {
    put("qemu-server", 100, "name: web\n");
    store_->remove("qemu-server", 100);
    EXPECT_TRUE(store_->ids("qemu-server").empty());
    EXPECT_EQ(store_->free_id(), 100);
}

int parse_count(const Config& config) {
    return std::stoi(config.current.get("memory").value_or("0"));
}

TEST_F(StoreTest, TwoProcessesLoseNothing) {
    put("qemu-server", 100, "name: web\n");
    constexpr int rounds = 50;
    std::vector<pid_t> children;
    for (int child = 0; child < 2; ++child) {
        const pid_t pid = ::fork();
        ASSERT_GE(pid, 0);
        if (pid == 0) {
            int status = 0;
            try {
                for (int i = 0; i < rounds; ++i)
                    change(100, [&](Config& config) {
                        const auto count = parse_count(config) + 1;
                        config.current.set("memory", std::to_string(count));
                        config.current.set("key-" + std::string(1, static_cast<char>('a' + child)),
                                           std::to_string(i));
                    });
            } catch (const std::exception&) {
                status = 1;
            }
            ::_exit(status);
        }
        children.push_back(pid);
    }
    for (const pid_t pid : children) {
        int status = 0;
        ASSERT_EQ(::waitpid(pid, &status, 0), pid);
        EXPECT_EQ(status, 0);
    }
    const Config config = load(100);
    EXPECT_EQ(config.current.get("memory"), std::to_string(2 * rounds));
    EXPECT_EQ(config.current.get("key-a"), std::to_string(rounds - 1));
    EXPECT_EQ(config.current.get("key-b"), std::to_string(rounds - 1));
}

TEST_F(StoreTest, AKillInTheMiddleLeavesAWholeFile) {
    const std::string filler(200000, 'x');
    put("qemu-server", 100, "args: 0 " + filler + "\nname: web\n");
    for (int round = 0; round < 20; ++round) {
        const pid_t pid = ::fork();
        ASSERT_GE(pid, 0);
        if (pid == 0) {
            for (int i = 0;; ++i)
                change(100, [&](Config& config) {
                    config.current.set("args", std::to_string(i) + " " + filler);
                });
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(3 + round % 7));
        ::kill(pid, SIGKILL);
        int status = 0;
        ::waitpid(pid, &status, 0);
        const Config config = load(100);
        EXPECT_EQ(config.current.get("name"), "web");
        EXPECT_GE(config.current.get("args").value_or("").size(), filler.size());
    }
    // What the killed ones left is cleared by the next change.
    change(100, [](Config& config) { config.current.set("cores", "2"); });
    EXPECT_EQ(host_->list(root_ + "/etc/qemu-server"), (std::vector<std::string>{"100.conf"}));
}

}  // namespace
}  // namespace lodge
