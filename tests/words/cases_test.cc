// Runs the real program as a shell does: each folder of cases/ has `words` (shell lines that call
// lodge), `root` (a folder, or a file with the name of one in roots/), and what has to come of it:
// `out`, `err`, `status`. UPDATE=1 writes those three anew.
#include "tests/support/cases.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <regex>

#include "engine/process.h"
#include "engine/units.h"

namespace lodge {
namespace {

namespace fs = std::filesystem;

fs::path folder() {
    return fs::path(TESTS_FOLDER) / "words";
}

// A copy of a case's root, gone with it.
class Root {
  public:
    explicit Root(const fs::path& of_case) {
        std::string pattern = (fs::temp_directory_path() / "lodge-words-XXXXXX").string();
        if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp");
        path_ = pattern;
        fs::path from = of_case / "root";
        if (fs::is_regular_file(from))
            from = folder() / "roots" / std::string(trim(cases::read(from)));
        if (fs::exists(from)) fs::copy(from, path_, fs::copy_options::recursive);
    }
    ~Root() { fs::remove_all(path_); }
    Root(const Root&) = delete;
    Root& operator=(const Root&) = delete;
    const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

// What differs from run to run, made equal.
std::string normal(std::string text, const fs::path& root) {
    const std::string path = root.string();
    for (size_t at = 0; (at = text.find(path, at)) != std::string::npos;)
        text.replace(at, path.size(), "ROOT");
    static const std::pair<std::regex, const char*> rules[] = {
        {std::regex(R"(\d{4}-\d\d-\d\d \d\d:\d\d)"), "2026-01-01 00:00"},
        {std::regex(R"re("(started|ended|time|ctime)": \d{9,})re"), "\"$1\": 0"},
        {std::regex(R"(\b\d{1,2}s\b)"), "0s"},
        {std::regex(R"([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"), "UUID"},
        {std::regex(R"(02(:[0-9A-F]{2}){5})"), "02:00:00:00:00:00"},
        {std::regex(R"(creation-qemu=[0-9.]+,ctime=\d+)"), "creation-qemu=0,ctime=0"},
        {std::regex(R"(process \d+)"), "process 1"},
        {std::regex(R"re("pid": \d+)re"), "\"pid\": 1"},
        {std::regex(R"(lodge \d+\.\d+\.\d+)"), "lodge 0.0.0"},
    };
    for (const auto& [rule, with] : rules)
        text = std::regex_replace(text, rule, with);
    return text;
}

class Words : public testing::TestWithParam<std::string> {};

TEST_P(Words, Case) {
    const fs::path of_case = cases::folder("words", GetParam());
    const Root root(of_case);
    const fs::path program = LODGE_PROGRAM;
    Program bash;
    bash.argv = {"/usr/bin/env",
                 "-i",
                 "PATH=" + program.parent_path().string() + ":/usr/bin:/bin:/usr/sbin:/sbin",
                 "LODGE_ROOT=" + root.path().string(),
                 "HOME=" + root.path().string(),
                 "TZ=UTC",
                 "LC_ALL=C.UTF-8",
                 "bash",
                 "-c",
                 cases::read(of_case / "words")};
    bash.folder = root.path().string();
    const Outcome outcome = run_program(bash, std::chrono::seconds(60));
    EXPECT_FALSE(outcome.timed_out);
    const std::pair<const char*, std::string> found[] = {
        {"out", normal(outcome.output, root.path())},
        {"err", normal(outcome.trouble, root.path())},
        {"status", std::to_string(outcome.status) + "\n"},
    };
    for (const auto& [name, text] : found)
        cases::expect_file(of_case / name, text);
}

INSTANTIATE_TEST_SUITE_P(Cases, Words, testing::ValuesIn(cases::names("words")), cases::test_name);

}  // namespace
}  // namespace lodge
