// Asks the real libpam, by service files of our own: what a person types is given to a program by
// pam_exec, which compares it.
#include "tui/password.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

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

    ScratchFolder folder_;
    PasswordCheck check_;
};

TEST_F(Password, TheRightOneIsTaken) {
    wanting_secret();
    EXPECT_EQ(check_(own_name(), "secret"), "");
}

TEST_F(Password, AnotherIsNot) {
    wanting_secret();
    for (const char* typed : {"", "Secret", "secret2"})
        EXPECT_NE(check_(own_name(), typed), "") << typed;
}

TEST_F(Password, AnAccountThatIsClosedIsNoKey) {
    service("closed", "auth required pam_permit.so\naccount required pam_deny.so\n");
    EXPECT_NE(check_(own_name(), "secret"), "");
}

TEST_F(Password, OthersMayNotWhateverTheirPassword) {
    service("open", "auth required pam_permit.so\naccount required pam_permit.so\n");
    if (::geteuid() == 0) {
        EXPECT_EQ(check_("nobody", "x"), "nobody is not root and not in the group sudo");
    }
    EXPECT_NE(check_("no-such-user", "x"), "");
    EXPECT_TRUE(may_change_machine("root"));
    EXPECT_FALSE(may_change_machine("nobody"));
    EXPECT_FALSE(may_change_machine(""));
}

TEST_F(Password, WithoutAFileForItNobodyMay) {
    check_.service = "absent";
    check_.folder = folder_.path();
    EXPECT_NE(check_(own_name(), "secret"), "");
}

}  // namespace
}  // namespace lodge
