#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/process.h"
#include "engine/units.h"

// The verbs for files and programs that every module's plans use.

namespace lodge {
namespace {

mode_t mode_of(const Values& on, std::string_view otherwise) {
    return static_cast<mode_t>(std::stoul(on.text("mode", otherwise), nullptr, 8));
}

// A here-document whose end mark is no line of the content.
std::string here_document(std::string content) {
    if (!content.empty() && content.back() != '\n') content += '\n';
    std::string mark = "END";
    while (("\n" + content).find("\n" + mark + "\n") != std::string::npos)
        mark += '_';
    return "<<'" + mark + "'\n" + content + mark;
}

void make_folder(Work& work, const Values& on) {
    work.engine().host.make_folder(on.text("path"), mode_of(on, "755"));
}
std::string make_folder_shell(const Values& on) {
    return shell_line({"mkdir", "-p", "-m", on.text("mode", "755"), on.text("path")});
}

void write_file(Work& work, const Values& on) {
    work.engine().host.write(on.text("path"), on.text("content"), mode_of(on, "644"));
}
std::string write_file_shell(const Values& on) {
    const std::string path = shell_quote(on.text("path"));
    if (on.text("content").empty()) return ": > " + path;
    return "cat > " + path + " " + here_document(on.text("content"));
}

void remove_file(Work& work, const Values& on) {
    work.engine().host.remove(on.text("path"));
}
std::string remove_file_shell(const Values& on) {
    return shell_line({"rm", "-f", on.text("path")});
}

void remove_folder(Work&, const Values& on) {
    if (::rmdir(on.text("path").c_str()) != 0 && errno != ENOENT && errno != ENOTEMPTY)
        fail_errno(errno, "cannot remove the folder " + on.text("path"));
}
std::string remove_folder_shell(const Values& on) {
    return shell_line({"rmdir", "--ignore-fail-on-non-empty", on.text("path")});
}

void remove_tree(Work&, const Values& on) {
    std::error_code trouble;
    std::filesystem::remove_all(on.text("path"), trouble);
    if (trouble) fail_errno(trouble.value(), "cannot remove " + on.text("path"));
}
std::string remove_tree_shell(const Values& on) {
    return shell_line({"rm", "-rf", on.text("path")});
}

// Renaming back what was not renamed yet is no trouble: an undo may come before its step.
void rename_file(Work&, const Values& on) {
    const std::string& from = on.text("from");
    const std::string& to = on.text("to");
    if (::rename(from.c_str(), to.c_str()) == 0) return;
    const int trouble = errno;
    if (trouble == ENOENT && ::access(to.c_str(), F_OK) == 0) return;
    fail_errno(trouble, fmt::format("cannot rename {} to {}", from, to));
}
std::string rename_file_shell(const Values& on) {
    return shell_line({"mv", "-T", on.text("from"), on.text("to")});
}

Program::User user_by_name(const std::string& name) {
    const passwd* entry = ::getpwnam(name.c_str());
    if (!entry) fail(Exit::missing, "there is no user {} on this machine", name);
    return {entry->pw_uid, entry->pw_gid, {}};
}

void run(Work& work, const Values& on) {
    Program program;
    program.argv = on.list("argv");
    if (program.argv.empty()) throw Error("a step wants to run a program without a name");
    program.argv[0] = work.engine().host.need_program(program.argv[0]);
    program.folder = on.text("folder", "");
    program.input = on.text("input", "");
    if (const auto user = on.get("user"); user && work.engine().host.is_root())
        program.user = user_by_name(*user);
    run_checked(
        program, std::chrono::seconds(on.integer("limit", 3600)),
        "cannot run " + on.list("argv").front(),
        [&](std::string_view line) { work.say(printable(line)); }, [&] { return work.going(); });
}
std::string run_shell(const Values& on) {
    std::string line = shell_line(on.list("argv"));
    if (const auto user = on.get("user"))
        line = "setpriv --reuid=" + shell_quote(*user) + " --init-groups " + line;
    if (const auto input = on.get("input")) line += " " + here_document(*input);
    if (const auto folder = on.get("folder"))
        line = "(cd " + shell_quote(*folder) + " && " + line + ")";
    return line;
}

constexpr ActionKind kinds[] = {
    {"mkdir", make_folder, make_folder_shell},
    {"write", write_file, write_file_shell},
    {"remove", remove_file, remove_file_shell},
    {"rmdir", remove_folder, remove_folder_shell},
    {"remove-tree", remove_tree, remove_tree_shell},
    {"rename", rename_file, rename_file_shell},
    {"run", run, run_shell},
};

}  // namespace

std::span<const ActionKind> file_actions() {
    return kinds;
}

}  // namespace lodge
