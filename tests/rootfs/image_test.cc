#include <sys/stat.h>
#include <unistd.h>

#include "engine/container/rootfs.h"
#include "engine/container/rootfs_source.h"
#include "engine/units.h"
#include "tests/rootfs/archive_text.h"
#include "tests/rootfs/oci_text.h"
#include "tests/support/cases.h"
#include "tests/support/scratch.h"

// Images of OCI: tests/rootfs/images/<name>/ holds layer1, layer2, … as texts of archives,
// `config`, the image's configuration, and `tamper`, what of it is spoilt. What is known of it
// beforehand goes to `facts`, what is said and left to `said` and `tree`: twice, from a folder and
// from an archive.

namespace lodge {
namespace {

std::filesystem::path images_folder() {
    return std::filesystem::path(TESTS_FOLDER) / "rootfs" / "images";
}

std::vector<std::string> image_names() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(images_folder()))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

std::string facts_text(const RootfsFacts& facts) {
    return fmt::format(
        "arch {}\nentrypoint [{}]\nenvironment [{}]\nuser '{}'\nworkdir '{}'\nstop '{}'\n",
        facts.arch == machine_arch() ? "ours" : facts.arch, join(facts.entrypoint, "|"),
        join(facts.environment, "|"), facts.user, facts.workdir, facts.stop_signal);
}

class Images : public testing::TestWithParam<std::string> {};

struct Result {
    std::string facts, said, tree;
};

Result unpack(ScratchEngine& scratch, const std::string& source, const std::string& root) {
    Result result;
    std::filesystem::create_directories(root);
    try {
        result.facts = facts_text(facts_of_source(scratch.engine, source));
        Plan plan;
        plan_rootfs(scratch.engine, {source, root, {}, 0}, plan);
        scratch.engine.jobs.run_here(scratch.engine, plan, [&](const JobEvent& event) {
            if (event.kind == JobEvent::Kind::say) result.said += event.words + "\n";
        });
    } catch (const Error& trouble) {
        result.said +=
            fmt::format("error {}: {}\n", static_cast<int>(trouble.exit()), trouble.what());
    }
    result.tree = tree_text(root);
    return result;
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
}

TEST_P(Images, SayAndLeaveWhatTheyShould) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root may give files away";
    ::umask(022);
    const auto folder = images_folder() / GetParam();
    ScratchEngine scratch;
    const std::string top = scratch.folder.path();
    std::vector<std::string> layers;
    for (int i = 1; std::filesystem::exists(folder / ("layer" + std::to_string(i))); ++i)
        layers.push_back(cases::read(folder / ("layer" + std::to_string(i))));
    std::string config = cases::read(folder / "config");
    replace_all(config, "@ARCH@", machine_arch() == "armhf" ? "arm" : machine_arch());
    make_oci_layout(top + "/layout", layers, config, "latest",
                    std::string(trim(cases::read(folder / "tamper"))));
    make_oci_archive(top + "/layout", top + "/image.tar");
    std::ofstream(top + "/canary") << "untouched";
    for (const char* source : {"/layout", "/image.tar"}) {
        Result result = unpack(scratch, top + source, top + "/root" + (source + 1));
        replace_all(result.said, top + source, "IMAGE");
        // A blob is a file of a folder, or a part of an archive.
        for (size_t at = 0; (at = result.said.find("/blobs/sha256/", at)) != std::string::npos;)
            result.said.erase(at, 14 + 64);
        cases::expect_file(folder / "facts", result.facts);
        cases::expect_file(folder / "said", result.said);
        cases::expect_file(folder / "tree", result.tree);
    }
    EXPECT_EQ(cases::read(top + "/canary"), "untouched");
    EXPECT_NE(::access("/tmp/lodge-escaped", F_OK), 0);
}

INSTANTIATE_TEST_SUITE_P(All, Images, testing::ValuesIn(image_names()), cases::test_name);

TEST(Image, TagsAreChosenAndNamed) {
    ScratchEngine scratch;
    const std::string top = scratch.folder.path();
    make_oci_layout(top + "/layout", {"file ./a text=a"}, R"({"architecture":"x"})", "v1");
    EXPECT_NO_THROW(facts_of_source(scratch.engine, "oci:" + top + "/layout:v1"));
    EXPECT_NO_THROW(facts_of_source(scratch.engine, top + "/layout"));
    try {
        facts_of_source(scratch.engine, "oci:" + top + "/layout:v2");
        FAIL();
    } catch (const Error& trouble) {
        EXPECT_NE(std::string(trouble.what()).find("no image 'v2' for"), std::string::npos);
        EXPECT_NE(std::string(trouble.what()).find("there is v1"), std::string::npos)
            << trouble.what();
    }
}

TEST(Image, UsersAreFoundInTheImage) {
    ScratchFolder scratch;
    const std::string root = scratch.path();
    std::filesystem::create_directories(root + "/etc");
    std::ofstream(root + "/etc/passwd") << "root:x:0:0::/:/bin/sh\nweb:x:33:34::/:/bin/sh\n";
    std::ofstream(root + "/etc/group") << "root:x:0:\nstaff:x:50:\n";
    using Ids = std::pair<uint32_t, uint32_t>;
    EXPECT_EQ(user_in_folder(root, ""), Ids(0, 0));
    EXPECT_EQ(user_in_folder(root, "web"), Ids(33, 34));
    EXPECT_EQ(user_in_folder(root, "33"), Ids(33, 34));
    EXPECT_EQ(user_in_folder(root, "web:staff"), Ids(33, 50));
    EXPECT_EQ(user_in_folder(root, "1000:1001"), Ids(1000, 1001));
    EXPECT_EQ(user_in_folder(root, "1000"), Ids(1000, 0));
    EXPECT_THROW(user_in_folder(root, "nobody"), Error);
    EXPECT_THROW(user_in_folder(root, "web:nobody"), Error);
}

TEST(Tree, IsCopiedWithHolesAndLinks) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root may give files away";
    ScratchEngine scratch;
    const std::string top = scratch.folder.path();
    ::umask(022);
    std::ofstream(top + "/a.tar", std::ios::binary) << archive_of_text(
        "folder ./ mode=711\nfile ./a mode=4755 uid=7 text=abc xattr=user.n:6162\n"
        "hard ./b ./a\nlink ./l ../canary\nfolder ./d mode=1777\nfifo ./d/p mode=600\n"
        "file ./d/sparse hole=4194304 text=end\n");
    const Result first = unpack(scratch, top + "/a.tar", top + "/first");
    EXPECT_EQ(first.said, "");
    const Result second = unpack(scratch, top + "/first", top + "/second");
    EXPECT_EQ(second.said, "");
    EXPECT_EQ(first.tree, second.tree);
    EXPECT_NE(second.tree.find("4194307 bytes sparse"), std::string::npos) << second.tree;
    EXPECT_NE(second.tree.find("links=2"), std::string::npos) << second.tree;
    const Result own = unpack(scratch, top + "/first", top + "/first/inner");
    EXPECT_NE(own.said.find("the container's own folder lies in it"), std::string::npos);
}

}  // namespace
}  // namespace lodge
