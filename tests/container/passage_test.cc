#include "engine/container/passage.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "engine/job.h"
#include "engine/trial_record.h"
#include "tests/support/scratch.h"

namespace lodge {
namespace {

constexpr uid_t kRoot = 165536;  // of the container, outside

TEST(CtPassage, a_home_of_ones_own_lets_the_containers_root_through) {
    ScratchEngine scratch;
    const std::string home = scratch.folder.path() + "/home", inner = home + "/state";
    std::filesystem::create_directories(inner);
    ASSERT_EQ(::chmod(home.c_str(), 0700), 0);
    ASSERT_EQ(::chmod(inner.c_str(), 0755), 0);
    EXPECT_EQ(closed_folders(scratch.host, inner + "/not-there", kRoot),
              std::vector<std::string>{home});
    trials::Alone work(scratch.engine);
    const Values on{{"folder", home}, {"user", static_cast<int64_t>(kRoot)}};
    try {
        run_ct_passage(work, on);
    } catch (const Error&) {
        if (errno != EOPNOTSUPP) throw;
        GTEST_SKIP() << "this file system keeps no access control lists";
    }
    EXPECT_TRUE(closed_folders(scratch.host, inner, kRoot).empty());
    EXPECT_EQ(closed_folders(scratch.host, inner, kRoot + 1), std::vector<std::string>{home})
        << "nobody else is let in";
    // A second container's root beside the first, and once more the first.
    run_ct_passage(work, Values{{"folder", home}, {"user", static_cast<int64_t>(kRoot + 7)}});
    run_ct_passage(work, on);
    EXPECT_TRUE(closed_folders(scratch.host, inner, kRoot).empty());
    EXPECT_TRUE(closed_folders(scratch.host, inner, kRoot + 7).empty());
    struct stat found {};
    ASSERT_EQ(::stat(home.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, mode_t{0710}) << "the group's rights show the mask";
    // What a mode takes back (chmod sets the mask) is given again.
    ASSERT_EQ(::chmod(home.c_str(), 0700), 0);
    EXPECT_EQ(closed_folders(scratch.host, inner, kRoot), std::vector<std::string>{home});
    run_ct_passage(work, on);
    EXPECT_TRUE(closed_folders(scratch.host, inner, kRoot).empty());
}

TEST(CtPassage, the_kernel_lets_them_through) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root becomes another user";
    ScratchEngine scratch;
    const std::string home = scratch.folder.path() + "/home", file = home + "/file";
    std::filesystem::create_directories(home);
    scratch.host.write(file, "1\n");
    ASSERT_EQ(::chmod(file.c_str(), 0644), 0);
    ASSERT_EQ(::chmod(home.c_str(), 0700), 0);
    const std::string look =
        "setpriv --reuid=165536 --regid=165536 --clear-groups cat " + file + " >/dev/null 2>&1";
    EXPECT_NE(std::system(look.c_str()), 0);
    trials::Alone work(scratch.engine);
    run_ct_passage(work, Values{{"folder", home}, {"user", static_cast<int64_t>(kRoot)}});
    EXPECT_EQ(std::system(look.c_str()), 0);
}

}  // namespace
}  // namespace lodge
