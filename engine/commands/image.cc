#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/commands/common.h"
#include "engine/container/rootfs_source.h"
#include "engine/error.h"
#include "engine/storage/storage_cfg.h"
#include "engine/storage/volume_files.h"
#include "engine/template/catalogue.h"
#include "engine/units.h"

namespace lodge {

using nlohmann::json;

namespace {

json null_or(const std::string& text) {
    return text.empty() ? json(nullptr) : json(text);
}

Report list_templates(Engine& engine, const Values&) {
    json all = json::array();
    std::vector<std::vector<std::string>> rows;
    const int64_t now = engine.host.now_seconds();
    for (const LocalTemplate& one : local_templates(engine)) {
        const std::string note = one.partial                  ? "only a part is here"
                                 : !one.newer.empty()         ? "newer: " + one.newer
                                 : !one.origin                ? ""
                                 : one.origin->sha256.empty() ? "no checksum"
                                                              : "";
        const std::string from = one.origin ? one.origin->name : "";
        rows.push_back({printable(one.volume), short_size(one.size),
                        short_duration(std::max<int64_t>(0, now - one.modified)), printable(from),
                        printable(note)});
        all.push_back({{"volume", one.volume},
                       {"path", one.path},
                       {"size", one.size},
                       {"modified", one.modified},
                       {"partial", one.partial},
                       {"from", null_or(from)},
                       {"url", null_or(one.origin ? one.origin->url : "")},
                       {"sha256", null_or(one.origin ? one.origin->sha256 : "")},
                       {"newer", null_or(one.newer)}});
    }
    if (rows.empty())
        return {
            "no templates here; lodge image available shows those to fetch, lodge image "
            "build debian:bookworm makes one\n",
            "[]\n"};
    return {format_table({"TEMPLATE", "-SIZE", "-AGE", "FROM", "NOTE"}, rows), json_text(all)};
}

Report available_templates(Engine& engine, const Values& words) {
    const std::string only = words.text("server", "");
    if (!only.empty()) (void)template_server(engine.host, only);
    const std::string filter = words.text("filter", "");
    json all = json::array();
    std::vector<std::vector<std::string>> rows;
    for (const OfferedTemplate& one : offered_templates(engine, only)) {
        if (one.id().find(filter) == std::string::npos) continue;
        rows.push_back({printable(one.id()), printable(one.facts.os), printable(one.facts.release),
                        printable(one.facts.variant), one.facts.version, short_size(one.facts.size),
                        one.volume.empty() ? "" : "here"});
        all.push_back({{"template", one.id()},
                       {"product", one.facts.product},
                       {"os", one.facts.os},
                       {"release", one.facts.release},
                       {"variant", one.facts.variant},
                       {"arch", one.facts.arch},
                       {"version", one.facts.version},
                       {"size", one.facts.size},
                       {"sha256", one.facts.sha256},
                       {"volume", null_or(one.volume)}});
    }
    std::string text =
        format_table({"TEMPLATE", "SYSTEM", "RELEASE", "VARIANT", "VERSION", "-SIZE", ""}, rows);
    if (rows.empty()) text = "nothing is known to be available\n";
    const int64_t now = engine.host.now_seconds();
    for (const TemplateServer& server : template_servers(engine.host)) {
        if (!only.empty() && server.id != only) continue;
        const auto known = known_templates(engine.host, server.id);
        text += known ? fmt::format("{} was asked {} ago\n", server.id,
                                    short_duration(std::max<int64_t>(0, now - known->asked)))
                      : fmt::format("{} was never asked: lodge image refresh {}\n", server.id,
                                    server.id);
    }
    return {text, json_text(all)};
}

Report list_servers(Engine& engine, const Values&) {
    json all = json::array();
    std::vector<std::vector<std::string>> rows;
    const int64_t now = engine.host.now_seconds();
    for (const TemplateServer& server : template_servers(engine.host)) {
        const auto known = known_templates(engine.host, server.id);
        rows.push_back(
            {server.id, printable(server.url),
             !server.keyring.empty() ? printable(server.keyring)
             : server.trusted        ? "none"
                                     : "HTTPS",
             known ? std::to_string(known->templates.size()) : "-",
             known ? short_duration(std::max<int64_t>(0, now - known->asked)) : "never"});
        all.push_back({{"server", server.id},
                       {"url", server.url},
                       {"keyring", null_or(server.keyring)},
                       {"templates", known ? json(known->templates.size()) : json(nullptr)},
                       {"asked", known ? json(known->asked) : json(nullptr)}});
    }
    return {format_table({"SERVER", "ADDRESS", "VOUCHED BY", "-TEMPLATES", "-ASKED"}, rows),
            json_text(all)};
}

Plan plan_refresh(Engine& engine, const Values& words) {
    Plan plan;
    const std::string only = words.text("server", "");
    std::vector<std::string> servers, urls;
    for (const TemplateServer& server : template_servers(engine.host)) {
        if (!only.empty() && server.id != template_server(engine.host, only).id) continue;
        servers.push_back(server.id);
        urls.push_back(server.url);
    }
    if (!servers.empty())
        plan.step(fmt::format("ask {} what {}", join(servers, " and "),
                              servers.size() == 1 ? "it has" : "they have"),
                  {"template-refresh", {{"servers", servers}, {"urls", urls}}});
    plan.title = only.empty() ? "ask for templates" : "ask " + only + " for templates";
    plan.afterwards = "lodge image available shows what there is";
    return plan;
}

Plan plan_bring(Engine& engine, const Values& words, const RemoteOptions& options) {
    const std::string& given = words.text("template");
    Plan plan;
    plan.title = "fetch the template " + given;
    const RemoteTemplate remote = plan_fetch_template(engine, given, options, plan);
    if (plan.steps.empty())
        fail(Exit::refused, "cannot fetch {}: it is here as {} (--again fetches it anew)",
             printable(given), remote.volume);
    plan.afterwards = remote.volume + " is there";
    return plan;
}

Plan plan_download(Engine& engine, const Values& words) {
    RemoteOptions options;
    options.storage = words.text("storage", "");
    options.again = words.flag("again");
    options.plain_http = words.flag("plain-http");
    return plan_bring(engine, words, options);
}

Plan plan_build(Engine& engine, const Values& words) {
    RemoteOptions options;
    options.storage = words.text("storage", "");
    options.again = words.flag("again");
    options.include = comma_list(words.list("include"));
    options.minimal = words.flag("minimal");
    Plan plan = plan_bring(engine, words, options);
    plan.title = "build the template " + words.text("template");
    return plan;
}

Plan plan_verify(Engine& engine, const Values& words) {
    const LocalTemplate one = local_template(engine, words.text("volume"));
    if (one.partial) fail(Exit::refused, "cannot verify {}: only a part of it is here", one.volume);
    if (!one.origin || one.origin->sha256.empty())
        fail(Exit::refused, "cannot verify {}: nobody said what its checksum is", one.volume);
    Plan plan;
    plan.title = "verify " + one.volume;
    plan.step(fmt::format("its SHA-256 is {}", one.origin->sha256),
              {"template-verify", {{"path", one.path}, {"sha256", one.origin->sha256}}});
    plan.afterwards = one.volume + " is as it was when it came";
    return plan;
}

Plan plan_delete(Engine& engine, const Values& words) {
    const LocalTemplate one = local_template(engine, words.text("volume"));
    Plan plan;
    plan.title = "delete the template " + one.volume;
    if (!one.origin && !one.partial) plan.warn("it is not known where it could be fetched again");
    plan.step("delete " + one.volume, {"template-remove", {{"path", one.path}}});
    plan.afterwards = one.volume + " is gone; containers that were made of it stay";
    return plan;
}

Plan plan_add_server(Engine& engine, const Values& words) {
    const std::string path = engine.host.config_folder() + "/template-servers.cfg";
    StorageCfg cfg = StorageCfg::parse(engine.host.read(path).value_or(""));
    const std::string& url = words.text("url");
    if (url.rfind("https://", 0) != 0 && url.rfind("http://", 0) != 0)
        fail(Exit::usage, "'{}' is no address of a server: https://…", printable(url));
    StorageCfg::Entry entry{"simplestreams", words.text("id"), {}};
    entry.options.set({"url", url});
    if (const auto keyring = words.get("keyring")) {
        if (!engine.host.exists(*keyring))
            fail(Exit::not_found, "there is no keyring {}", printable(*keyring));
        entry.options.set({"keyring", *keyring});
    } else if (words.flag("unsigned")) {
        entry.options.set({"unsigned", "1"});
    } else if (url.rfind("https://", 0) != 0) {
        fail(Exit::usage, "nothing would vouch for what {} sends: give it --keyring, or --unsigned",
             printable(url));
    }
    const std::string before = cfg.text();
    cfg.add(entry);
    Plan plan;
    plan.title = "add the server of templates " + entry.id;
    if (words.flag("unsigned")) plan.warn("nothing vouches for what this server sends");
    plan.step("template-servers.cfg names it", {"write", {{"path", path}, {"content", cfg.text()}}},
              Action{"write", {{"path", path}, {"content", before}}});
    plan.afterwards = "lodge image refresh " + entry.id + " asks it what it has";
    return plan;
}

Plan plan_remove_server(Engine& engine, const Values& words) {
    const std::string path = engine.host.config_folder() + "/template-servers.cfg";
    StorageCfg cfg = StorageCfg::parse(engine.host.read(path).value_or(""));
    const std::string id = template_server(engine.host, words.text("id")).id;
    if (!cfg.find(id))
        fail(Exit::refused, "cannot remove {}: it stands without an entry in template-servers.cfg",
             id);
    const std::string before = cfg.text();
    cfg.remove(id);
    Plan plan;
    plan.title = "remove the server of templates " + id;
    plan.step("take it out of template-servers.cfg",
              {"write", {{"path", path}, {"content", cfg.text()}}},
              Action{"write", {{"path", path}, {"content", before}}});
    plan.step(
        "forget what it has",
        {"remove", {{"path", engine.host.state_folder() + "/template-index/" + id + ".json"}}});
    plan.afterwards = "templates that came from it stay";
    return plan;
}

// On a screen: of a template that only a server has, and of one that is here.
std::string why_not_here(Engine&, const Values& words) {
    if (words.has("volume") || !words.has("template")) return "";
    return fmt::format("{} is on a server, not here", printable(words.text("template")));
}
std::string why_not_there(Engine&, const Values& words) {
    if (words.has("template") || !words.has("volume")) return "";
    return fmt::format("{} is here already", printable(words.text("volume")));
}

const Operand server_operand{"server", WordKind::text, "Only this server.", true};
const Operand volume_operand{"volume", WordKind::volume, "The template: STORAGE:vztmpl/FILE."};
const Option storage_option{.name = "storage",
                            .value = "STORAGE",
                            .help = "Where it goes; the first that takes templates.",
                            .kind = WordKind::storage};
const Option again_option{.name = "again", .help = "Although it is here already."};

}  // namespace

std::span<const Command> image_commands() {
    static const std::vector<Command> table = {
        {.subject = "image",
         .verb = "list",
         .label = "Templates",
         .help = "Lists the templates of containers that are here.",
         .show = list_templates},
        {.subject = "image",
         .verb = "available",
         .label = "Available",
         .help = "Lists the templates that servers had when they were last asked.",
         .operands = {server_operand},
         .options = {{.name = "filter",
                      .value = "TEXT",
                      .help = "Only those with this in the name."}},
         .show = available_templates},
        {.subject = "image",
         .verb = "refresh",
         .label = "Refresh",
         .help = "Asks servers which templates they have.",
         .twin = "r",
         .risk = Risk::undoable,
         .operands = {server_operand},
         .plan = plan_refresh},
        {.subject = "image",
         .verb = "download",
         .label = "Download",
         .help = "Fetches a template from a server or an image from a registry.",
         .twin = "d",
         .risk = Risk::undoable,
         .operands = {{"template", WordKind::text,
                       "SERVER:NAME, such as images:debian/12, or docker://HOST/NAME:TAG."}},
         .options = {storage_option,
                     again_option,
                     {.name = "plain-http", .help = "The registry speaks HTTP, not HTTPS."}},
         .why_not = why_not_there,
         .plan = plan_download,
         .more = "What came of a download that broke off stays, and the next one goes on from "
                 "there. Nothing is taken over before its checksum was found right."},
        {.subject = "image",
         .verb = "build",
         .label = "Build",
         .help = "Makes a template from the packages that this machine's apt can reach.",
         .twin = "b",
         .risk = Risk::undoable,
         .operands = {{"template", WordKind::text, "debian:SUITE, ubuntu:SUITE or devuan:SUITE."}},
         .options = {storage_option,
                     again_option,
                     {.name = "include",
                      .value = "PACKAGES",
                      .help = "Further packages, with commas between them.",
                      .many = true},
                     {.name = "minimal", .help = "Only what is essential: no init, no network."}},
         .plan = plan_build},
        {.subject = "image",
         .verb = "verify",
         .label = "Verify",
         .help = "Reckons a template's checksum anew.",
         .twin = "v",
         .risk = Risk::undoable,
         .operands = {volume_operand},
         .why_not = why_not_here,
         .plan = plan_verify},
        {.subject = "image",
         .verb = "delete",
         .label = "Delete",
         .help = "Deletes a template, or what is left of a download.",
         .twin = "D",
         .risk = Risk::interrupts,
         .operands = {volume_operand},
         .why_not = why_not_here,
         .plan = plan_delete},
        {.subject = "image",
         .verb = "servers",
         .label = "Servers",
         .help = "Lists the servers of templates.",
         .show = list_servers},
        {.subject = "image",
         .verb = "add-server",
         .label = "Add a server",
         .help = "Adds a server of the simplestreams format.",
         .risk = Risk::undoable,
         .operands = {{"id", WordKind::text, "Its name."}, {"url", WordKind::text, "Its address."}},
         .options = {{.name = "keyring",
                      .value = "FILE",
                      .help = "Keys of which one must have signed its index.",
                      .kind = WordKind::path},
                     {.name = "unsigned", .help = "Takes what it sends although nothing vouches."}},
         .plan = plan_add_server},
        {.subject = "image",
         .verb = "remove-server",
         .label = "Remove a server",
         .help = "Forgets a server of templates.",
         .risk = Risk::undoable,
         .operands = {{"id", WordKind::text, "Its name."}},
         .plan = plan_remove_server},
    };
    return table;
}

}  // namespace lodge
