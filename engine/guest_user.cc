#include "engine/guest_user.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/units.h"

namespace lodge {
namespace {

// AsUser lets this thread touch files with another user's rights for a while. setfsuid(2) takes the
// capabilities that override file permissions away as well, and gives them back.
class AsUser {
  public:
    explicit AsUser(const std::optional<Program::User>& user) {
        if (!user) return;
        gid_ = ::setfsgid(user->gid);
        uid_ = ::setfsuid(user->uid);
        changed_ = true;
    }
    ~AsUser() {
        if (!changed_) return;
        ::setfsuid(static_cast<uid_t>(uid_));
        ::setfsgid(static_cast<gid_t>(gid_));
    }
    AsUser(const AsUser&) = delete;
    AsUser& operator=(const AsUser&) = delete;

  private:
    bool changed_ = false;
    int uid_ = 0, gid_ = 0;
};

// The first folder on the way that can't be passed, or "".
std::string closed_folder(const std::string& path) {
    for (size_t slash = path.find('/', 1); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
        const std::string folder = path.substr(0, slash);
        // Passing a folder needs x; a name looked up in it shows whether we may.
        struct stat found {};
        if (::stat((folder + "/.").c_str(), &found) != 0 && errno == EACCES) return folder;
    }
    return "";
}

}  // namespace

std::optional<Program::User> guest_user(const Host& host, const std::vector<std::string>& devices) {
    if (!host.is_root()) return std::nullopt;
    errno = 0;
    const passwd* entry = ::getpwnam(std::string(guest_user_name).c_str());
    if (!entry)
        fail(Exit::missing,
             "there is no user {} to run guests as; make it with: useradd --system --user-group "
             "--no-create-home --shell /usr/sbin/nologin {}",
             guest_user_name, guest_user_name);
    if (entry->pw_uid == 0)
        fail(Exit::refused, "the user {} is root: guests must run as someone else",
             guest_user_name);
    Program::User user{entry->pw_uid, entry->pw_gid, {}};
    for (const std::string& device : devices) {
        struct stat found {};
        if (::stat(device.c_str(), &found) != 0 || !S_ISCHR(found.st_mode)) continue;
        // Group root would be more than a device.
        if ((found.st_mode & S_IWGRP) != 0 && found.st_gid != 0 &&
            std::find(user.groups.begin(), user.groups.end(), found.st_gid) == user.groups.end())
            user.groups.push_back(found.st_gid);
    }
    return user;
}

void plan_guest_user(const Host& host, Plan& plan) {
    if (!host.is_root() || ::getpwnam(std::string(guest_user_name).c_str())) return;
    plan.step(
        "make the user that guests run as",
        {"run",
         {{"argv",
           std::vector<std::string>{"useradd", "--system", "--user-group", "--no-create-home",
                                    "--home-dir", "/var/lib/lodge", "--shell", "/usr/sbin/nologin",
                                    "--comment", "Guests of Lodge", std::string(guest_user_name)}},
          {"limit", 30}}});
}

void give_to(const std::optional<Program::User>& user, const std::string& path) {
    if (!user) return;
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) fail_errno(errno, "cannot hand over " + path);
    if (found.st_uid == user->uid) return;
    if (::chown(path.c_str(), user->uid, user->gid) != 0)
        fail_errno(errno, fmt::format("cannot hand {} over to {}", path, guest_user_name));
    if (S_ISREG(found.st_mode) && (found.st_mode & 07777) != 0600 &&
        ::chmod(path.c_str(), 0600) != 0)
        fail_errno(errno, "cannot set the mode of " + path);
}

std::string why_unreachable(const std::optional<Program::User>& user, const std::string& path,
                            bool writing) {
    const AsUser as_user(user);
    const Fd fd(::open(path.c_str(), (writing ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_CLOEXEC));
    if (fd) return "";
    const int trouble = errno;
    const std::string who =
        user ? "the user " + std::string(guest_user_name) + " that guests run as" : "you";
    if (trouble != EACCES)
        return fmt::format("{} cannot open {}: {}", who, printable(path), errno_words(trouble));
    const std::string folder = closed_folder(path);
    if (!folder.empty())
        return fmt::format("{} cannot pass the folder {} to {}: chmod o+x {}, or put it elsewhere",
                           who, printable(folder), printable(path), shell_quote(folder));
    return fmt::format("{} may not {} {}: chmod o+{} {}", who, writing ? "write" : "read",
                       printable(path), writing ? "rw" : "r", shell_quote(path));
}

}  // namespace lodge
