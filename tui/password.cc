#include "tui/password.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "engine/error.h"
#include "engine/text.h"

namespace lodge {
namespace {

// Talk is the person's side of one check, and what was said to them.
struct Talk {
    const PasswordTalk& person;
    std::string said;
    bool given_up = false;
};

// The answers belong to PAM, which frees each and the list; those of a talk that broke off to us.
struct FreeAnswers {
    int count;
    void operator()(pam_response* list) const {
        for (int i = 0; i < count; ++i) {
            if (list[i].resp == nullptr) continue;
            ::explicit_bzero(list[i].resp, std::strlen(list[i].resp));
            std::free(list[i].resp);
        }
        std::free(list);
    }
};

// pam_conv(3).
int converse(int count, const pam_message** asked, pam_response** answers, void* with) {
    auto& talk = *static_cast<Talk*>(with);
    if (count <= 0 || count > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
    std::unique_ptr<pam_response, FreeAnswers> list(
        static_cast<pam_response*>(std::calloc(static_cast<size_t>(count), sizeof(pam_response))),
        FreeAnswers{count});
    if (!list) return PAM_BUF_ERR;
    for (int i = 0; i < count; ++i) {
        const std::string words = printable(asked[i]->msg == nullptr ? "" : asked[i]->msg);
        const int style = asked[i]->msg_style;
        if (style != PAM_PROMPT_ECHO_OFF && style != PAM_PROMPT_ECHO_ON) {
            talk.said += (talk.said.empty() ? "" : "; ") + words;
            talk.person.tell(words);
            continue;
        }
        auto answer = talk.person.ask(words, style == PAM_PROMPT_ECHO_OFF);
        talk.given_up = !answer;
        if (!answer) return PAM_CONV_ERR;
        list.get()[i].resp = ::strdup(answer->c_str());
        ::explicit_bzero(answer->data(), answer->size());
    }
    *answers = list.release();
    return PAM_SUCCESS;
}

}  // namespace

bool may_change_machine(const std::string& user) {
    const passwd* entry = ::getpwnam(user.c_str());
    if (entry == nullptr) return false;
    if (entry->pw_uid == 0 || entry->pw_uid == ::geteuid()) return true;
    const gid_t own = entry->pw_gid;
    const group* sudo = ::getgrnam("sudo");
    if (sudo == nullptr) return false;
    int count = 256;
    std::vector<gid_t> groups(static_cast<size_t>(count));
    if (::getgrouplist(user.c_str(), own, groups.data(), &count) < 0) return false;
    groups.resize(static_cast<size_t>(count));
    return std::find(groups.begin(), groups.end(), sudo->gr_gid) != groups.end();
}

std::string PasswordCheck::operator()(const std::string& user, const PasswordTalk& person) const {
    Talk talk{person, {}};
    const pam_conv conversation{converse, &talk};
    pam_handle_t* handle = nullptr;
    int result = folder.empty() ? ::pam_start(service.c_str(), user.c_str(), &conversation, &handle)
                                : ::pam_start_confdir(service.c_str(), user.c_str(), &conversation,
                                                      folder.c_str(), &handle);
    if (result != PAM_SUCCESS) return "PAM cannot be asked; is there a file for it in /etc/pam.d?";
    if (!terminal.empty()) ::pam_set_item(handle, PAM_TTY, terminal.c_str());
    // Without a password set, an account is no key to the machine.
    result = ::pam_authenticate(handle, PAM_DISALLOW_NULL_AUTHTOK);
    if (result == PAM_SUCCESS) result = ::pam_acct_mgmt(handle, PAM_DISALLOW_NULL_AUTHTOK);
    // As login does: who has to choose a new password does it now.
    if (result == PAM_NEW_AUTHTOK_REQD)
        result = ::pam_chauthtok(handle, PAM_CHANGE_EXPIRED_AUTHTOK);
    const std::string words = ::pam_strerror(handle, result);
    ::pam_end(handle, result);
    if (talk.given_up) return "given up";
    // After PAM, so that who may and who may not look the same from outside.
    if (result == PAM_SUCCESS && may_change_machine(user)) return "";
    if (result == PAM_SUCCESS)
        return fmt::format("{} is not root and not in the group sudo", printable(user));
    return talk.said.empty() ? printable(words) : talk.said;
}

int run_login_shell(const std::string& user) {
    // Of root's, su asks for nothing.
    const char* argv[] = {"su", "-l", user.c_str(), nullptr};
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    // The loop has signals blocked; a shell needs them.
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    pid_t shell = 0;
    const int trouble = ::posix_spawnp(&shell, argv[0], nullptr, &attributes,
                                       const_cast<char* const*>(argv), environ);
    ::posix_spawnattr_destroy(&attributes);
    if (trouble != 0) fail_errno(trouble, "cannot start a shell");
    int status = 0;
    while (::waitpid(shell, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace lodge
