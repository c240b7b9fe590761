#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "engine/units.h"
#include "engine/vm/disks.h"
#include "tests/bad_days/walk.h"

// Storages that are full, or cannot be written to.

namespace lodge {
namespace {

using Texts = std::vector<std::string>;

// A small file system of its own on a folder, which can be filled to the last block.
class SmallDisk {
  public:
    SmallDisk(const Host& host, std::string folder, const std::string& size)
        : folder_(std::move(folder)) {
        host.make_folder(folder_);
        mounted_ = ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
    }
    ~SmallDisk() {
        if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;

    bool mounted() const { return mounted_; }
    void fill() const {
        const Fd fd(::open((folder_ + "/filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        const std::string piece(4096, 'x');
        while (::write(fd.get(), piece.data(), piece.size()) > 0) {
        }
    }
    void make_read_only() const {
        ::mount(nullptr, folder_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr);
    }

  private:
    std::string folder_;
    bool mounted_ = false;
};

class FullDisk : public testing::Test {
  protected:
    void SetUp() override {
        if (!small_.mounted()) GTEST_SKIP() << "mounting a small disk takes root";
        walk_.host.write(
            walk_.host.config_folder() + "/storage.cfg",
            "dir: two\n\tpath " + folder_ + "\n\tcontent images\n\tpreallocation full\n");
        walk_.engine.storages.forget();
        walk_.make_guest(101);
    }
    // The plan is made while there is room, and carried out when there is none.
    void expect_refused(const Plan& plan, const std::string& volume_start = "two:") {
        small_.fill();
        expect_trouble(plan, "full", volume_start);
    }
    void expect_trouble(const Plan& plan, const std::string& word,
                        const std::string& volume_start = "two:") {
        const std::string before = walk_.config(101);
        const int number = walk_.engine.jobs.start(walk_.engine, plan);
        const JobRecord record = walk_.engine.jobs.follow(number, {});
        EXPECT_EQ(record.state, JobState::failed);
        EXPECT_EQ(record.exit, Exit::missing) << record.error;
        EXPECT_NE(record.error.find(word), std::string::npos) << record.error;
        EXPECT_EQ(record.error.find("not undone"), std::string::npos) << record.error;
        for (const std::string& volume : walk_.volumes())
            EXPECT_FALSE(volume.starts_with(volume_start)) << volume;
        EXPECT_TRUE(walk_.faults().empty()) << join(walk_.faults(), "; ");
        EXPECT_EQ(walk_.config(101), before);
    }

    Walk walk_;
    const std::string folder_ = walk_.scratch.folder.path() + "/two";
    SmallDisk small_{walk_.host, folder_, "40m"};
};

TEST_F(FullDisk, Create) {
    expect_refused(walk_.vm().create(
        walk_.engine, 102,
        {{"disk", "16M"}, {"format", "raw"}, {"storage", "two"}, {"net", "none"}}));
}

TEST_F(FullDisk, DiskCreate) {
    expect_refused(disk_create(walk_.engine, walk_.guest(101),
                               {{"size", "16M"}, {"storage", "two"}, {"format", "raw"}}));
}

TEST_F(FullDisk, Import) {
    const std::string image = walk_.scratch.folder.path() + "/image";
    walk_.host.write(image, std::string(8 << 20, 'x'));
    expect_refused(disk_import(walk_.engine, walk_.guest(101),
                               {{"file", image}, {"source-format", "raw"}, {"storage", "two"}}));
}

TEST_F(FullDisk, CloneAndMove) {
    const Plan clone = walk_.vm().clone(walk_.engine, walk_.guest(101),
                                        {{"id", 102}, {"full", true}, {"storage", "two"}});
    const Plan move = disk_move(walk_.engine, walk_.guest(101),
                                {{"key", "scsi0"}, {"storage", "two"}, {"format", "qcow2"}});
    expect_refused(clone);
    expect_refused(move);
}

TEST_F(FullDisk, Snapshot) {
    walk_.carry_out(disk_create(walk_.engine, walk_.guest(101),
                                {{"size", "8M"}, {"storage", "two"}, {"format", "qcow2"}}));
    expect_refused(walk_.vm().snapshot(walk_.engine, walk_.guest(101), {{"name", "one"}}), "none:");
}

TEST_F(FullDisk, NotEnoughRoomIsSaidBefore) {
    try {
        (void)disk_create(walk_.engine, walk_.guest(101),
                          {{"size", "1G"}, {"storage", "two"}, {"format", "raw"}});
        ADD_FAILURE() << "it was planned";
    } catch (const Error& error) {
        EXPECT_EQ(error.exit(), Exit::missing) << error.what();
    }
}

TEST_F(FullDisk, ReadOnly) {
    const Plan plan = disk_create(walk_.engine, walk_.guest(101),
                                  {{"size", "8M"}, {"storage", "two"}, {"format", "raw"}});
    small_.make_read_only();
    expect_trouble(plan, "Read-only");
}

// The folder of the configurations itself is full, then read-only.
TEST(FullConfiguration, NothingIsLost) {
    Walk walk;
    SmallDisk small(walk.host, walk.host.config_folder(), "1m");
    if (!small.mounted()) GTEST_SKIP() << "mounting a small disk takes root";
    walk.make_guest(101);
    const std::string before = walk.config(101);
    small.fill();
    const std::string story = "description=" + std::string(6000, 'x');
    for (int round = 0; round < 2; ++round) {
        const Outcome set = walk.lodge({"set", "101", story});
        EXPECT_EQ(set.status, 6) << set.trouble;
        EXPECT_NE(set.trouble.find(round == 0 ? "No space left" : "Read-only"), std::string::npos)
            << set.trouble;
        EXPECT_EQ(walk.config(101), before);
        EXPECT_TRUE(walk.faults().empty()) << join(walk.faults(), "; ");
        EXPECT_EQ(walk.lodge({"list"}).status, 0);
        const Outcome create = walk.lodge({"create", "disk=8M", "net=none", story});
        EXPECT_EQ(create.status, 6) << create.trouble;
        EXPECT_EQ(walk.volumes().size(), 1u);
        small.make_read_only();
    }
}

// No room for the job's own folder: said, and nothing that looks like a job is left.
TEST(FullConfiguration, NoRoomForJobs) {
    Walk walk;
    walk.make_guest(101);
    SmallDisk small(walk.host, walk.host.state_folder() + "/jobs", "16k");
    if (!small.mounted()) GTEST_SKIP() << "mounting a small disk takes root";
    small.fill();
    const Outcome set = walk.lodge({"set", "101", "tags=x"});
    EXPECT_EQ(set.status, 6) << set.trouble;
    EXPECT_EQ(walk.lodge({"job", "list"}).status, 0);
    EXPECT_TRUE(walk.engine.jobs.numbers().empty());
}

}  // namespace
}  // namespace lodge
