// Asks the real libpam, by service files of our own: what a person types is given to a program by
// pam_exec, which compares it.
#include "tui/password.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/scratch.h"

// libpam does not give back what it took when a service has no file, and it is not ours to mend.
// NOLINTNEXTLINE(bugprone-reserved-identifier): the name that the sanitizers' library looks for
extern "C" const char* __lsan_default_suppressions();
// NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" const char* __lsan_default_suppressions() {
    return "leak:libpam.so";
}

namespace lodge {
namespace {

std::string own_name() {
    const passwd* entry = ::getpwuid(::geteuid());
    return entry != nullptr ? entry->pw_name : "";
}

class Password : public testing::Test {
  protected:
    void service(const std::string& name, const std::string& lines) {
        std::ofstream(folder_.path() + "/" + name) << lines;
        check_.service = name;
        check_.folder = folder_.path();
    }
    // A service that wants the word "secret".
    void wanting_secret() {
        const std::string program = folder_.path() + "/compare";
        std::ofstream(program) << "#!/bin/sh\nread -r word\n[ \"$word\" = secret ]\n";
        ::chmod(program.c_str(), 0755);
        service("typed", "auth requisite pam_exec.so quiet expose_authtok " + program +
                             "\nauth required pam_permit.so\naccount required pam_permit.so\n");
    }

    // Answers the questions in their order; the person gives up at the first without an answer.
    std::string ask(const std::string& user, std::vector<std::string> answers) {
        asked_.clear();
        told_.clear();
        size_t at = 0;
        return check_(
            user, {.ask = [&](const std::string& words, bool secret) -> std::optional<std::string> {
                       asked_ += words + (secret ? "(secret) " : " ");
                       if (at == answers.size()) return std::nullopt;
                       return answers[at++];
                   },
                   .tell = [&](const std::string& words) { told_ += words + "\n"; }});
    }

    std::string asked_, told_;
    ScratchFolder folder_;
    PasswordCheck check_;
};

TEST_F(Password, TheRightOneIsTaken) {
    wanting_secret();
    EXPECT_EQ(ask(own_name(), {"secret"}), "");
}

TEST_F(Password, AnotherIsNot) {
    wanting_secret();
    for (const char* typed : {"", "Secret", "secret2"})
        EXPECT_NE(ask(own_name(), {typed}), "") << typed;
}

TEST_F(Password, AnAccountThatIsClosedIsNoKey) {
    service("closed", "auth required pam_permit.so\naccount required pam_deny.so\n");
    EXPECT_NE(ask(own_name(), {"secret"}), "");
}

TEST_F(Password, OthersMayNotWhateverTheirPassword) {
    service("open", "auth required pam_permit.so\naccount required pam_permit.so\n");
    if (::geteuid() == 0) {
        EXPECT_EQ(ask("nobody", {"x"}), "nobody is not root and not in the group sudo");
    }
    EXPECT_NE(ask("no-such-user", {"x"}), "");
    EXPECT_TRUE(may_change_machine("root"));
    EXPECT_FALSE(may_change_machine("nobody"));
    EXPECT_FALSE(may_change_machine(""));
}

TEST_F(Password, WhatAModuleSaysIsTold) {
    const std::string compare = folder_.path() + "/compare";
    std::ofstream(compare) << "#!/bin/sh\nread -r word\n[ \"$word\" = \"$1\" ]\n";
    ::chmod(compare.c_str(), 0755);
    const std::string notice = folder_.path() + "/notice";
    std::ofstream(notice) << "The cellar is flooded.\n";
    const std::string exec = "auth requisite pam_exec.so quiet expose_authtok ";
    service("two", "auth optional pam_echo.so file=" + notice + "\n" + exec + compare + " first\n" +
                       "auth required pam_permit.so\naccount required pam_permit.so\n");
    EXPECT_EQ(ask(own_name(), {"first"}), "");
    EXPECT_NE(told_.find("The cellar is flooded."), std::string::npos) << told_;
    EXPECT_NE(asked_.find("(secret)"), std::string::npos) << asked_;
}

TEST_F(Password, WhoGivesUpMayNot) {
    wanting_secret();
    EXPECT_EQ(ask(own_name(), {}), "given up");
}

TEST_F(Password, WithoutAFileForItNobodyMay) {
    check_.service = "absent";
    check_.folder = folder_.path();
    EXPECT_NE(ask(own_name(), {"secret"}), "");
}

}  // namespace
}  // namespace lodge
