#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/storage/volume_files.h"
#include "engine/template/catalogue.h"
#include "engine/template/download.h"
#include "engine/template/origin.h"
#include "engine/template/sum.h"
#include "engine/units.h"

// The verbs of templates. A download that breaks off leaves what came, under a hidden name, so that
// the next one goes on; nothing has the template's own name until its sum was found right.

namespace lodge {
namespace {

std::string sum_of_file(Work& work, const std::string& path) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat facts {};
    if (!file || ::fstat(file.get(), &facts) != 0)
        fail_errno(errno, "cannot read " + printable(path));
    std::vector<char> piece(1u << 20);
    Sum sum;
    for (int64_t done = 0;;) {
        work.check();
        const ssize_t got = ::read(file.get(), piece.data(), piece.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail_errno(errno, "cannot read " + printable(path));
        if (got == 0) return sum.hex();
        sum.add(piece.data(), static_cast<size_t>(got));
        done += got;
        work.progress(done, facts.st_size, "bytes");
    }
}

void keep_origin(Work& work, const Values& on, const std::string& sum) {
    const Host& host = work.engine().host;
    host.write(origin_path(on.text("path")),
               print_origin({on.text("name"), on.text("product"), on.text("version"),
                             on.text("url"), sum, host.now_seconds()}));
}

void fetch(Work& work, const Values& on) {
    const std::string& path = on.text("path");
    work.engine().host.make_folder(parent_of(path));
    const Download download{on.text("url"), path, on.text("sha256"), on.integer("size", 0)};
    const std::string sum = download_file(download, [&](int64_t done, int64_t total) {
        work.check();
        work.progress(done, total, "bytes");
    });
    keep_origin(work, on, sum);
}
std::string fetch_shell(const Values& on) {
    const std::string part = shell_quote(partial_path(on.text("path")));
    return fmt::format("curl -fL -C - -o {} {} &&\necho {} | sha256sum -c &&\nmv {} {}", part,
                       shell_quote(on.text("url")),
                       shell_quote(on.text("sha256") + "  " + partial_path(on.text("path"))), part,
                       shell_quote(on.text("path")));
}

void keep(Work& work, const Values& on) {
    const std::string& from = on.text("from");
    const std::string& path = on.text("path");
    const std::string sum = sum_of_file(work, from);
    sync_file(from, "keep " + printable(path));
    if (::rename(from.c_str(), path.c_str()) != 0)
        fail_errno(errno, fmt::format("cannot rename {} to {}", printable(from), printable(path)));
    keep_origin(work, on, sum);
}
std::string keep_shell(const Values& on) {
    return shell_line({"mv", "-T", on.text("from"), on.text("path")});
}

// A server that does not answer keeps nobody from asking the others.
void refresh(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    std::vector<std::string> troubles;
    for (const std::string& id : on.list("servers")) {
        work.check();
        const TemplateServer server = template_server(host, id);
        try {
            keep_templates(host, server.id, fetch_stream_templates(work, server));
        } catch (const Error& trouble) {
            if (on.list("servers").size() == 1) throw;
            work.check();
            troubles.push_back(fmt::format("{}: {}", server.id, trouble.what()));
        }
    }
    if (!troubles.empty()) fail(Exit::failed, "{}", join(troubles, "\n"));
}
std::string refresh_shell(const Values& on) {
    std::vector<std::string> lines;
    for (const std::string& url : on.list("urls"))
        lines.push_back(fmt::format("curl -fL {}", shell_quote(url + "/streams/v1/index.json")));
    return join(lines, "\n");
}

void verify(Work& work, const Values& on) {
    const std::string sum = sum_of_file(work, on.text("path"));
    if (sum != on.text("sha256"))
        fail(Exit::failed,
             "{} is spoilt: its SHA-256 is {}, not {}; fetch it again (lodge image download "
             "--again)",
             printable(on.text("path")), sum, on.text("sha256"));
}
std::string verify_shell(const Values& on) {
    return "echo " + shell_quote(on.text("sha256") + "  " + on.text("path")) + " | sha256sum -c";
}

void remove(Work& work, const Values& on) {
    const std::string& path = on.text("path");
    for (const std::string& file : {path, partial_path(path), origin_path(path)})
        work.engine().host.remove(file);
}
std::string remove_shell(const Values& on) {
    const std::string& path = on.text("path");
    return shell_line({"rm", "-f", path, partial_path(path), origin_path(path)});
}

constexpr ActionKind kinds[] = {
    // url path sha256 size, and the origin's name product version
    {"template-fetch", fetch, fetch_shell},
    // from path, and the origin's name product version url
    {"template-keep", keep, keep_shell},
    // servers urls
    {"template-refresh", refresh, refresh_shell},
    // path sha256
    {"template-verify", verify, verify_shell},
    // path
    {"template-remove", remove, remove_shell},
};

}  // namespace

std::span<const ActionKind> template_actions() {
    return kinds;
}

}  // namespace lodge
