#include "engine/template/servers.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/process.h"
#include "engine/storage/storage_cfg.h"
#include "engine/template/download.h"
#include "engine/units.h"

namespace lodge {
namespace {

constexpr size_t most_index = 48 << 20;  // linuxcontainers.org's has 2 MiB

std::string cache_path(const Host& host, const std::string& server) {
    return host.state_folder() + "/template-index/" + server + ".json";
}

// Text that gpgv found to be signed by a key of the keyring.
std::string verify_inline(Work& work, const TemplateServer& server, const std::string& text) {
    Program program;
    program.argv = {work.engine().host.need_program("gpgv"), "--keyring", server.keyring,
                    "--output", "-"};
    program.input = text;
    return run_checked(
        program, std::chrono::seconds(60),
        fmt::format("cannot take the index of {}: its signature is not good", server.id));
}

void verify_detached(Work& work, const TemplateServer& server, const std::string& text,
                     const std::string& signature) {
    const Fd file(::memfd_create("signature", MFD_CLOEXEC));
    if (!file || ::write(file.get(), signature.data(), signature.size()) !=
                     static_cast<ssize_t>(signature.size()))
        fail_errno(errno, "cannot verify a signature");
    Program program;
    program.argv = {work.engine().host.need_program("gpgv"), "--keyring", server.keyring,
                    "/proc/self/fd/3", "-"};
    program.descriptors = {{file.get(), 3}};
    program.input = text;
    run_checked(program, std::chrono::seconds(60),
                fmt::format("cannot take the index of {}: its signature is not good", server.id));
}

// A file of the index. With a keyring its signed twin: NAME.sjson, or NAME.json and a signature
// beside it.
std::string fetch_index_file(Work& work, const TemplateServer& server, std::string path) {
    const auto check = [&] { work.check(); };
    const std::string base = server.url + "/";
    bool found = false;
    if (server.keyring.empty()) {
        std::string text = fetch_text(base + path, most_index, found, check);
        if (!found) fail(Exit::not_found, "{} has no {}", server.url, path);
        return text;
    }
    std::string twin = path;
    if (twin.ends_with(".json")) twin.replace(twin.size() - 5, 5, ".sjson");
    if (path.ends_with(".sjson")) path.replace(path.size() - 6, 6, ".json");
    std::string text = fetch_text(base + twin, most_index, found, check);
    if (found) return verify_inline(work, server, text);
    text = fetch_text(base + path, most_index, found, check);
    if (!found) fail(Exit::not_found, "{} has no {}", server.url, path);
    for (const char* ending : {".gpg", ".asc"}) {
        const std::string signature = fetch_text(base + path + ending, 1 << 20, found, check);
        if (!found) continue;
        verify_detached(work, server, text, signature);
        return text;
    }
    fail(Exit::refused, "cannot take the index of {}: {} is not signed, and a keyring was given",
         server.id, path);
}

}  // namespace

std::vector<TemplateServer> template_servers(const Host& host) {
    const std::string path = host.config_folder() + "/template-servers.cfg";
    const StorageCfg cfg = StorageCfg::parse(host.read(path).value_or(""));
    std::vector<TemplateServer> servers;
    for (const StorageCfg::Entry& entry : cfg.entries()) {
        if (entry.type != "simplestreams") continue;
        TemplateServer server{entry.id, entry.options.text("url", ""),
                              entry.options.text("keyring", ""), entry.options.flag("unsigned")};
        while (!server.url.empty() && server.url.back() == '/')
            server.url.pop_back();
        servers.push_back(std::move(server));
    }
    const bool own = std::any_of(servers.begin(), servers.end(),
                                 [](const TemplateServer& one) { return one.id == "images"; });
    if (!own) servers.push_back({"images", "https://images.linuxcontainers.org", "", false});
    return servers;
}

TemplateServer template_server(const Host& host, std::string_view id) {
    std::vector<std::string> names;
    for (TemplateServer& server : template_servers(host)) {
        if (server.id == id) return std::move(server);
        names.push_back(server.id);
    }
    fail(Exit::not_found, "there is no server of templates '{}': there is {}", printable(id),
         join(names, ", "));
}

std::vector<StreamTemplate> fetch_stream_templates(Work& work, const TemplateServer& server) {
    if (server.keyring.empty() && !server.trusted && server.url.rfind("https://", 0) != 0)
        fail(Exit::refused,
             "cannot take templates of {} ({}): neither HTTPS nor a keyring vouches for them; give "
             "it a keyring (lodge image add-server)",
             server.id, printable(server.url));
    std::vector<StreamTemplate> all;
    size_t skipped = 0;
    for (const std::string& path :
         parse_stream_index(fetch_index_file(work, server, "streams/v1/index.json")))
        for (StreamTemplate& one :
             parse_stream_products(fetch_index_file(work, server, path), skipped))
            all.push_back(std::move(one));
    work.say(fmt::format("{} has {}{}", server.id, counted(all.size(), "template"),
                         skipped == 0 ? ""
                                      : fmt::format("; {} products have none that a container "
                                                    "could be made of",
                                                    skipped)));
    return all;
}

std::optional<KnownTemplates> known_templates(const Host& host, const std::string& server) {
    const std::string path = cache_path(host, server);
    const auto text = host.read(path);
    struct stat facts {};
    if (!text || ::stat(path.c_str(), &facts) != 0) return std::nullopt;
    return KnownTemplates{read_stream_templates(*text), facts.st_mtim.tv_sec};
}

void keep_templates(const Host& host, const std::string& server,
                    const std::vector<StreamTemplate>& templates) {
    host.write(cache_path(host, server), print_stream_templates(templates));
}

}  // namespace lodge
