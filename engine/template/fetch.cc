#include <algorithm>
#include <optional>

#include "engine/container/oci.h"
#include "engine/container/rootfs_source.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/process.h"
#include "engine/storage/image.h"
#include "engine/storage/volume_files.h"
#include "engine/template/bootstrap.h"
#include "engine/template/catalogue.h"
#include "engine/template/origin.h"
#include "engine/units.h"

// How a template that is not here comes: from a server, from a registry, or built of packages.

namespace lodge {
namespace {

constexpr std::string_view registry = "docker://";

// The names in letters that any storage takes.
std::string plain_name(std::string_view text) {
    std::string name;
    for (char c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
        const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
        name += plain ? c : '-';
    }
    return name.substr(0, 200);
}

const Storage& storage_for(Engine& engine, const RemoteOptions& options) {
    if (options.storage.empty()) return engine.storages.default_for("vztmpl");
    const Storage& storage = engine.storages.get(options.storage);
    if (const std::string why = storage.why_unusable(); !why.empty())
        throw Error(Exit::refused, why);
    if (!storage.holds("vztmpl"))
        fail(Exit::refused, "{} does not hold templates (content vztmpl)", storage.id());
    return storage;
}

RemoteTemplate place_in(const Storage& storage, const std::string& file) {
    RemoteTemplate remote;
    remote.volume = storage.id() + ":vztmpl/" + file;
    remote.path = storage.path("vztmpl/" + file);
    return remote;
}

Values origin_values(const TemplateOrigin& origin) {
    return {{"name", origin.name},
            {"product", origin.product},
            {"version", origin.version},
            {"url", origin.url}};
}

const OfferedTemplate& find_offered(const std::vector<OfferedTemplate>& all,
                                    const TemplateServer& server, std::string_view name) {
    for (const OfferedTemplate& one : all)
        if (one.facts.product == name ||
            std::find(one.facts.aliases.begin(), one.facts.aliases.end(), name) !=
                one.facts.aliases.end())
            return one;
    if (all.empty())
        fail(Exit::not_found,
             "it is not known what {} has, or it has nothing for this machine: lodge image "
             "refresh {}",
             server.id, server.id);
    fail(Exit::not_found, "{} has no template {}; lodge image available {} shows what it has",
         server.id, printable(name), server.id);
}

RemoteTemplate plan_from_server(Engine& engine, const TemplateServer& server,
                                const std::string& name, const std::string& given,
                                const RemoteOptions& options, Plan& plan) {
    const auto all = offered_templates(engine, server.id);
    const OfferedTemplate& offered = find_offered(all, server, name);
    const StreamTemplate& facts = offered.facts;
    const Storage& storage = storage_for(engine, options);
    RemoteTemplate remote = place_in(storage, template_file_name(server.id, facts));
    remote.facts.arch = facts.arch;
    remote.facts.title = printable(facts.os + " " + facts.release);
    remote.facts.ostype = ostype_of_name(facts.os);
    if (engine.host.exists(remote.path) && !options.again) return remote;
    require_space(parent_of(remote.path), facts.size, "fetch " + given);
    Values on =
        origin_values({given, facts.product, facts.version, server.url + "/" + facts.path, "", 0});
    on.set({"path", remote.path});
    on.set({"sha256", facts.sha256});
    on.set({"size", facts.size});
    plan.step(fmt::format("fetch {} ({}, of {}) to {}", printable(given), short_size(facts.size),
                          facts.version, remote.volume),
              {"template-fetch", std::move(on)});
    return remote;
}

// skopeo's own configuration says which signatures it wants; without one it would not start.
void add_policy(const Host& host, std::vector<std::string>& argv) {
    if (!host.exists(host.system("/etc/containers/policy.json")))
        argv.insert(argv.begin() + 1, "--insecure-policy");
}

RootfsFacts ask_registry(Engine& engine, const std::string& given, const RemoteOptions& options) {
    Program program;
    program.argv = {engine.host.need_program("skopeo"), "inspect", "--config", "--override-os",
                    "linux"};
    add_policy(engine.host, program.argv);
    if (options.plain_http) program.argv.emplace_back("--tls-verify=false");
    program.argv.push_back(given);
    return facts_of_oci_config(run_checked(program, std::chrono::seconds(120),
                                           "cannot look at the image " + printable(given)));
}

// "docker://host/name:tag" ends in its tag; without one it is the latest.
std::string tag_of(std::string_view given) {
    const auto slash = given.rfind('/');
    const auto colon = given.find(':', slash == std::string_view::npos ? 0 : slash);
    return colon == std::string_view::npos ? "latest" : std::string(given.substr(colon + 1));
}

RemoteTemplate plan_from_registry(Engine& engine, const std::string& given,
                                  const RemoteOptions& options, Plan& plan) {
    if (given.find('@') != std::string::npos)
        fail(Exit::usage, "name an image by its tag, not by its digest: {}", printable(given));
    if (given.find_first_of(" \t\n") != std::string::npos || given.size() <= registry.size())
        fail(Exit::usage, "'{}' is no image of a registry: docker://HOST/NAME:TAG",
             printable(given));
    const Storage& storage = storage_for(engine, options);
    const std::string tag = tag_of(given);
    std::string name = plain_name(given.substr(registry.size()));
    if (!name.ends_with("-" + plain_name(tag))) name += "-" + plain_name(tag);
    RemoteTemplate remote = place_in(storage, name + ".oci.tar");
    remote.image = true;
    if (engine.host.exists(remote.path) && !options.again) {
        remote.facts = facts_of_source(engine, remote.path);
        return remote;
    }
    (void)engine.host.need_program("skopeo");
    if (options.facts) remote.facts = ask_registry(engine, given, options);
    const std::string part = parent_of(remote.path) + "/." + name + ".oci.tar.new";
    std::vector<std::string> argv = {"skopeo", "copy", "--override-os", "linux"};
    add_policy(engine.host, argv);
    if (options.plain_http) argv.emplace_back("--src-tls-verify=false");
    argv.push_back(given);
    argv.push_back(fmt::format("oci-archive:{}:{}", part, plain_name(tag)));
    const Action drop{"remove", {{"path", part}}};
    plan.step("a place for templates", {"mkdir", {{"path", parent_of(remote.path)}}});
    plan.step("nothing of an earlier try is left", drop);
    plan.step("fetch the image " + printable(given), {"run", {{"argv", argv}}}, drop);
    Values on = origin_values({given, "", "", given, "", 0});
    on.set({"from", part});
    on.set({"path", remote.path});
    plan.step(fmt::format("it becomes {}", remote.volume), {"template-keep", std::move(on)});
    return remote;
}

RemoteTemplate plan_from_packages(Engine& engine, const std::string& given,
                                  const RemoteOptions& options, Plan& plan) {
    const Bootstrap build = plan_bootstrap(engine, given, options.include, options.minimal);
    const Storage& storage = storage_for(engine, options);
    std::string name = plain_name(given) + (options.minimal ? "_minimal" : "");
    for (const std::string& package : options.include)
        name += "_" + plain_name(package);
    RemoteTemplate remote = place_in(storage, name + ".tar.zst");
    remote.facts.ostype = build.ostype;
    remote.facts.arch = machine_arch();
    if (engine.host.exists(remote.path) && !options.again) return remote;
    const std::string part = parent_of(remote.path) + "/.new-" + name + ".tar.zst";
    const Action drop{"remove", {{"path", part}}};
    plan.step("a place for templates", {"mkdir", {{"path", parent_of(remote.path)}}});
    plan.step("nothing of an earlier try is left", drop);
    Values run = {{"argv", build.argv(part)}, {"limit", 7200}};
    if (!build.sources.empty()) run.set({"input", build.sources});
    plan.step(fmt::format("build {} of packages", printable(given)), {"run", std::move(run)}, drop);
    Values on = origin_values({given, "", "", "mmdebstrap", "", 0});
    on.set({"from", part});
    on.set({"path", remote.path});
    plan.step(fmt::format("it becomes {}", remote.volume), {"template-keep", std::move(on)});
    return remote;
}

// "SERVER:NAME" of a server that is known and of no storage.
std::optional<TemplateServer> server_of(Engine& engine, std::string_view given) {
    const auto colon = given.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const std::string_view id = given.substr(0, colon);
    for (const auto& storage : engine.storages.all())
        if (storage->id() == id) return std::nullopt;
    for (TemplateServer& server : template_servers(engine.host))
        if (server.id == id) return std::move(server);
    return std::nullopt;
}

}  // namespace

bool is_remote_template(Engine& engine, std::string_view given) {
    return given.rfind(registry, 0) == 0 || is_bootstrap_name(engine, given) ||
           server_of(engine, given).has_value();
}

RemoteTemplate plan_fetch_template(Engine& engine, const std::string& given,
                                   const RemoteOptions& options, Plan& plan) {
    if (given.rfind(registry, 0) == 0) return plan_from_registry(engine, given, options, plan);
    if (is_bootstrap_name(engine, given)) return plan_from_packages(engine, given, options, plan);
    if (const auto server = server_of(engine, given))
        return plan_from_server(engine, *server, given.substr(given.find(':') + 1), given, options,
                                plan);
    fail(Exit::usage,
         "'{}' names no template to fetch: SERVER:NAME, docker://HOST/NAME:TAG or debian:SUITE",
         printable(given));
}

}  // namespace lodge
