// lodge-lxc is the one program of Lodge that liblxc is loaded into: it becomes the monitor of a
// container, and stays as small as one. A Lodge that lists or shows guests does not pay for it.
//
//   lodge-lxc run FOLDER ID              the container's monitor, until it ends; FOLDER/ID/config
//   lodge-lxc attach FOLDER ID WORD…     a program in the container; its exit status
//   lodge-lxc console FOLDER ID N        hands the descriptors of its terminal N, and of the claim
//                                        on it, to the socket that is standard output
//
// attach takes options before WORD: --uid N, --gid N, --cwd PATH, --env NAME=VALUE, --clean.
//
// Nothing that is open here reaches the container: of descriptors only the standard ones of attach.

#include <fcntl.h>
#include <linux/close_range.h>
#include <lxc/attach_options.h>
#include <lxc/lxccontainer.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "engine/container/image_mount.h"

namespace {

constexpr int failed = 125, not_found = 127, not_runnable = 126;

int say(const std::string& words) {
    std::fprintf(stderr, "%s\n", words.c_str());
    return failed;
}

int say_errno(const std::string& what) {
    return say(what + ": " + std::strerror(errno));
}

struct Container {
    Container(const char* folder, const char* id) : handle(lxc_container_new(id, folder)) {}
    ~Container() {
        if (handle) lxc_container_put(handle);
    }
    Container(const Container&) = delete;
    Container& operator=(const Container&) = delete;
    lxc_container* handle;
};

// A line of "devices": kind, major, minor, uid, gid, mode, name below the folder.
bool make_device(const std::string& folder, const char* line) {
    char kind = 0;
    unsigned major = 0, minor = 0, uid = 0, gid = 0, mode = 0;
    std::array<char, 256> name{};
    if (std::sscanf(line, "%c %u %u %u %u %o %255[^\n]", &kind, &major, &minor, &uid, &gid, &mode,
                    name.data()) != 7)
        return false;
    std::string path = folder;
    for (char* part = std::strtok(name.data(), "/"); part; part = std::strtok(nullptr, "/")) {
        ::mkdir(path.c_str(), 0755);
        path += "/" + std::string(part);
    }
    ::unlink(path.c_str());
    return ::mknod(path.c_str(), (kind == 'b' ? S_IFBLK : S_IFCHR) | 0600, makedev(major, minor)) ==
               0 &&
           ::chown(path.c_str(), uid, gid) == 0 && ::chmod(path.c_str(), mode & 0777) == 0;
}

using Lines = std::vector<std::string>;

// The lines of a file of the run folder; none when it is not there. False when it cannot be read.
bool read_lines(const std::string& path, Lines& lines) {
    std::FILE* file = std::fopen(path.c_str(), "re");
    if (!file) return errno == ENOENT;
    char* line = nullptr;
    size_t size = 0;
    for (ssize_t got = 0; (got = ::getline(&line, &size, file)) > 0;)
        lines.emplace_back(line, line[got - 1] == '\n' ? got - 1 : got);
    std::free(line);
    const bool well = std::ferror(file) == 0;
    std::fclose(file);
    return well;
}

// What is mounted from here on is seen by nobody but this process and the container: it goes with
// them, however they end.
bool be_alone() {
    return ::unshare(CLONE_NEWNS) == 0 &&
           ::mount("none", "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0;
}

// /run itself lets no node be opened.
int make_devices(const std::string& run, const Lines& lines) {
    const std::string folder = run + "/dev";
    ::mkdir(folder.c_str(), 0755);
    if (::mount("devices", folder.c_str(), "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=64k") !=
        0)
        return say_errno("cannot make a place for devices at " + folder);
    for (const std::string& line : lines)
        if (!make_device(folder, line.c_str())) return say_errno("cannot make the device " + line);
    return 0;
}

// A line of "mounts": key, options, file.
int mount_images(const std::string& run, const Lines& lines) {
    ::mkdir((run + "/disk").c_str(), 0711);
    for (const std::string& line : lines) {
        const auto first = line.find(' '), second = line.find(' ', first + 1);
        if (first == std::string::npos || second == std::string::npos)
            return say("a bad line of " + run + "/mounts: " + line);
        const std::string key = line.substr(0, first), image = line.substr(second + 1);
        std::string options = line.substr(first + 1, second - first - 1);
        if (options.rfind("rw", 0) == 0) options.erase(0, 2);
        const std::string folder = run + "/disk/" + key;
        ::mkdir(folder.c_str(), 0755);
        const lodge::ImageMount mount(image, options);
        if (!mount || !mount.attach(folder)) {
            const int trouble = errno;
            std::string words = key + ": cannot mount " + image + ": " +
                                (trouble == EBUSY ? "it is in use" : std::strerror(trouble));
            if (!mount.words().empty()) words += " (" + mount.words() + ")";
            return say(words);
        }
    }
    return 0;
}

// Root writes the container's maps of numbers itself; liblxc asks newuidmap and newgidmap all the
// same, by a shell, when it finds them (lxc_map_ids() in src/lxc/conf.c): four programs that a
// start waits for. Debian has them in /usr/bin. A person's hooks get the whole path.
void hide_map_helpers(const std::string& config) {
    Lines lines;
    if (::geteuid() != 0 || !read_lines(config, lines)) return;
    for (const std::string& line : lines)
        if (line.rfind("lxc.hook.", 0) == 0) return;
    ::setenv("PATH", "/usr/sbin:/sbin", 1);
}

// The words of its first program, where liblxc could not take them apart itself: a line each.
std::vector<std::string> first_words(const std::string& run) {
    std::vector<std::string> words;
    std::FILE* file = std::fopen((run + "/init").c_str(), "re");
    if (!file) return words;
    std::string word;
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) {
        if (c == '\n') {
            words.push_back(word);
            word.clear();
        } else if (c == '\\') {
            const int next = std::fgetc(file);
            word += next == 'n' ? '\n' : static_cast<char>(next);
        } else {
            word += static_cast<char>(c);
        }
    }
    std::fclose(file);
    return words;
}

int run(const char* folder, const char* id) {
    const std::string own = std::string(folder) + "/" + id;
    Lines devices, images;
    if (!read_lines(own + "/devices", devices) || !read_lines(own + "/mounts", images))
        return say_errno("cannot read what " + own + " says of devices and images");
    if (!devices.empty() || !images.empty()) {
        if (!be_alone()) return say_errno("cannot have mounts of its own");
        int status = devices.empty() ? 0 : make_devices(own, devices);
        if (status == 0 && !images.empty()) status = mount_images(own, images);
        if (status != 0) return status;
    }
    hide_map_helpers(own + "/config");
    const Container container(folder, id);
    if (!container.handle) return say("liblxc cannot read the container's configuration");
    container.handle->want_daemonize(container.handle, false);
    container.handle->want_close_all_fds(container.handle, true);
    std::vector<std::string> words = first_words(std::string(folder) + "/" + id);
    std::vector<char*> argv;
    for (std::string& word : words)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    if (!container.handle->start(container.handle, 0, words.empty() ? nullptr : argv.data()))
        return say("the container did not start");
    return 0;
}

struct Attach {
    lxc_attach_options_t options = LXC_ATTACH_OPTIONS_DEFAULT;
    std::vector<char*> environment, words;
};

bool read_options(int count, char** words, Attach& attach) {
    int next = 0;
    for (; next < count && std::strncmp(words[next], "--", 2) == 0; ++next) {
        const std::string_view option = words[next];
        if (option == "--") {
            ++next;
            break;
        }
        if (option == "--clean") {
            attach.options.env_policy = LXC_ATTACH_CLEAR_ENV;
            continue;
        }
        if (++next == count) return false;
        if (option == "--uid") attach.options.uid = static_cast<uid_t>(std::atoi(words[next]));
        if (option == "--gid") attach.options.gid = static_cast<gid_t>(std::atoi(words[next]));
        if (option == "--cwd") attach.options.initial_cwd = words[next];
        if (option == "--env") attach.environment.push_back(words[next]);
    }
    for (; next < count; ++next)
        attach.words.push_back(words[next]);
    attach.words.push_back(nullptr);
    attach.environment.push_back(nullptr);
    return attach.words.size() > 1;
}

// What liblxc's own function does, but that a program which is not there is told as a shell does.
int become(void* given) {
    auto* words = static_cast<char**>(given);
    // Of our terminal, when it is only part of what we were given: nothing in the container may
    // push keys into it (ioctl_tty(2), TIOCSTI).
    if (!::isatty(STDIN_FILENO) || !::isatty(STDOUT_FILENO)) ::setsid();
    ::execvp(words[0], words);
    const int trouble = errno;
    std::fprintf(stderr, "%s: %s\n", words[0], std::strerror(trouble));
    return trouble == ENOENT ? not_found : not_runnable;
}

// Who ends us, with Ctrl-C at a terminal that is not the program's, means the program.
pid_t program_inside = 0;
void hand_on(int signal) {
    if (program_inside > 0) ::kill(program_inside, signal);
}

int attach(const char* folder, const char* id, int count, char** words) {
    Attach wish;
    if (!read_options(count, words, wish)) return say("attach: no program is named");
    const Container container(folder, id);
    if (!container.handle) return say("liblxc cannot read the container's configuration");
    wish.options.extra_env_vars = wish.environment.data();
    if (::isatty(STDIN_FILENO) && ::isatty(STDOUT_FILENO))
        wish.options.attach_flags |= LXC_ATTACH_TERMINAL;
    pid_t pid = 0;
    if (container.handle->attach(container.handle, become, wish.words.data(), &wish.options, &pid) <
        0)
        return say("liblxc cannot enter the container");
    int status = 0;
    program_inside = pid;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT})
        ::signal(signal, hand_on);
    while (::waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return say_errno("cannot wait for the program");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int console(const char* folder, const char* id, int number) {
    const Container container(folder, id);
    if (!container.handle) return say("liblxc cannot read the container's configuration");
    int terminal = -1;
    const int claim = container.handle->console_getfd(container.handle, &number, &terminal);
    if (claim < 0 || terminal < 0) return say("the container gives no terminal");
    const std::array<int, 2> fds{terminal, claim};
    char byte = 'c';
    iovec data{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof fds)> space{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = space.data();
    message.msg_controllen = space.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fds);
    std::memcpy(CMSG_DATA(header), fds.data(), sizeof fds);
    return ::sendmsg(STDOUT_FILENO, &message, MSG_NOSIGNAL) == 1
               ? 0
               : say_errno("cannot hand over the terminal");
}

}  // namespace

int main(int count, char** words) {
    const std::string_view mode = count > 3 ? words[1] : "";
    // Whoever starts us may have left more open than they know.
    ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    if (mode == "run") return run(words[2], words[3]);
    if (mode == "attach") return attach(words[2], words[3], count - 4, words + 4);
    if (mode == "console" && count == 5) return console(words[2], words[3], std::atoi(words[4]));
    return say("lodge-lxc is a part of lodge, which starts it by itself; see lodge(1)");
}
