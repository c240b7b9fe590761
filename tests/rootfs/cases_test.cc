#include "tests/support/cases.h"

#include <sys/stat.h>
#include <unistd.h>

#include "engine/container/rootfs.h"
#include "engine/units.h"
#include "tests/rootfs/archive_text.h"
#include "tests/support/scratch.h"

namespace lodge {
namespace {

// tests/rootfs/cases/<name>/: `archive` describes a tarball (archive_text.h); `map`, if there, has
// lines of an id map, `limit` bytes. What is said goes to `said`, what lies in the folder after it
// to `tree`.
class RootfsCases : public testing::TestWithParam<std::string> {};

// Beside the folder and below /tmp: whatever an archive tries, these stay as they are.
struct Canary {
    explicit Canary(const std::string& top) : path(top + "/canary") {
        std::ofstream(path) << "untouched";
        ::chmod(path.c_str(), 0640);
    }
    void expect_alive(const std::string& top) const {
        EXPECT_EQ(cases::read(path), "untouched");
        struct stat facts {};
        ASSERT_EQ(::lstat(path.c_str(), &facts), 0);
        EXPECT_EQ(facts.st_mode & 07777, 0640U);
        EXPECT_EQ(facts.st_uid, ::geteuid());
        EXPECT_EQ(facts.st_nlink, 1U);
        for (const char* name : {"/escaped", "/rootfs/../../escaped", "/../escaped"})
            EXPECT_NE(::access((top + name).c_str(), F_OK), 0) << name;
        EXPECT_NE(::access("/tmp/lodge-escaped", F_OK), 0);
    }
    std::string path;
};

TEST_P(RootfsCases, SaysAndLeavesWhatItShould) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root may give files away";
    ::umask(022);
    const auto folder = cases::folder("rootfs", GetParam());
    ScratchEngine scratch;
    const std::string top = scratch.folder.path() + "/inner";
    const std::string root = top + "/rootfs";
    std::filesystem::create_directories(root);
    const Canary canary(top);
    const std::string source = top + "/archive.tar";
    std::ofstream(source, std::ios::binary) << archive_of_text(cases::read(folder / "archive"));
    RootfsRequest request{source, root, {}, 0};
    std::vector<std::string> map;
    for (const std::string& line : split(cases::read(folder / "map"), '\n'))
        if (!line.empty()) map.push_back(line);
    request.map = parse_id_map(map);
    if (const auto limit = parse_integer(trim(cases::read(folder / "limit"))))
        request.limit = *limit;

    std::string said;
    try {
        Plan plan;
        plan_rootfs(scratch.engine, request, plan);
        scratch.engine.jobs.run_here(scratch.engine, plan, [&](const JobEvent& event) {
            if (event.kind == JobEvent::Kind::say) said += event.words + "\n";
        });
    } catch (const Error& trouble) {
        said += fmt::format("error {}: {}\n", static_cast<int>(trouble.exit()), trouble.what());
    }
    for (size_t at = 0; (at = said.find(top, at)) != std::string::npos;)
        said.replace(at, top.size(), "TOP");
    cases::expect_file(folder / "said", said);
    cases::expect_file(folder / "tree", tree_text(root));
    canary.expect_alive(top);
}

INSTANTIATE_TEST_SUITE_P(All, RootfsCases, testing::ValuesIn(cases::names("rootfs")),
                         cases::test_name);

}  // namespace
}  // namespace lodge
