#pragma once

#include <functional>
#include <optional>
#include <string>

namespace lodge {

// PasswordTalk is what PAM's modules have to ask and to say during one check: a password, a code, a
// new password in place of one that is too old.
struct PasswordTalk {
    // The person's answer; nullopt when they gave up. `secret`: nobody is to see it while it is
    // typed.
    std::function<std::optional<std::string>(const std::string& words, bool secret)> ask;
    std::function<void(const std::string& words)> tell;
};

// PasswordCheck is how the machine's console asks whether somebody may change things: PAM decides
// whether the password is that user's, and only root, those in the group sudo, and the one who runs
// Lodge may at all.
struct PasswordCheck {
    std::string service = "lodge";  // /etc/pam.d/lodge
    std::string folder = {};        // of the service's file; "" is the machine's
    std::string terminal = {};      // "/dev/tty1", for PAM's records

    // "" when the answers are right and the account may be used; else why not, in words. A wrong
    // password takes as long as PAM wants.
    std::string operator()(const std::string& user, const PasswordTalk& talk) const;
};

// Whether such a user may change things, whatever the password.
bool may_change_machine(const std::string& user);

// Runs the user's login shell on this terminal to its end; returns its exit status. Throws Error.
int run_login_shell(const std::string& user);

}  // namespace lodge
