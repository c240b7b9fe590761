#include "engine/template/catalogue.h"

#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/container/rootfs_source.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/storage/volume_files.h"
#include "engine/template/download.h"
#include "engine/template/origin.h"
#include "engine/units.h"

// What there is: on our storages, and on servers when they were last asked.

namespace lodge {

using nlohmann::json;

std::string origin_path(const std::string& path) {
    const auto slash = path.rfind('/');
    return path.substr(0, slash + 1) + "." + path.substr(slash + 1) + ".origin";
}

std::string print_origin(const TemplateOrigin& origin) {
    return json{{"name", origin.name}, {"product", origin.product}, {"version", origin.version},
                {"url", origin.url},   {"sha256", origin.sha256},   {"fetched", origin.fetched}}
               .dump(1, ' ', false, json::error_handler_t::replace) +
           "\n";
}

std::optional<TemplateOrigin> parse_origin(std::string_view text) {
    const json all = json::parse(text, nullptr, false);
    if (all.is_discarded() || !all.is_object()) return std::nullopt;
    const auto words = [&](const char* key) {
        const auto found = all.find(key);
        return found != all.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    const auto fetched = all.find("fetched");
    return TemplateOrigin{
        words("name"),
        words("product"),
        words("version"),
        words("url"),
        words("sha256"),
        fetched != all.end() && fetched->is_number_integer() ? fetched->get<int64_t>() : 0};
}

namespace {

int64_t modified(const std::string& path) {
    struct stat facts {};
    return ::stat(path.c_str(), &facts) == 0 ? facts.st_mtim.tv_sec : 0;
}

// Downloads that broke off: hidden files, which no storage lists.
void add_partial(const Host& host, const Storage& storage, std::vector<LocalTemplate>& all) {
    const std::string folder = parent_of(storage.path("vztmpl/any"));
    for (const std::string& file : host.list(folder)) {
        if (file.size() < 7 || file.front() != '.' || !file.ends_with(".part")) continue;
        const std::string name = file.substr(1, file.size() - 6);
        struct stat facts {};
        if (::stat((folder + "/" + file).c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) continue;
        LocalTemplate one;
        one.volume = storage.id() + ":vztmpl/" + name;
        one.path = folder + "/" + name;
        one.size = facts.st_size;
        one.modified = facts.st_mtim.tv_sec;
        one.partial = true;
        all.push_back(std::move(one));
    }
}

bool takes_templates(const Storage& storage) {
    return storage.holds("vztmpl") && storage.why_unusable().empty();
}

}  // namespace

std::vector<LocalTemplate> local_templates(Engine& engine) {
    std::vector<LocalTemplate> all;
    for (const auto& storage : engine.storages.all()) {
        if (!takes_templates(*storage)) continue;
        for (const VolumeInfo& volume : storage->list()) {
            if (volume.content != "vztmpl") continue;
            LocalTemplate one{volume.id, volume.path, volume.size, modified(volume.path),
                              false,     {},          {}};
            if (const auto text = engine.host.read(origin_path(volume.path)))
                one.origin = parse_origin(*text);
            all.push_back(std::move(one));
        }
        add_partial(engine.host, *storage, all);
    }
    for (const OfferedTemplate& offered : offered_templates(engine))
        for (LocalTemplate& one : all)
            if (one.origin && !one.origin->product.empty() &&
                one.origin->product == offered.facts.product &&
                one.origin->version < offered.facts.version)
                one.newer = offered.facts.version;
    return all;
}

LocalTemplate local_template(Engine& engine, std::string_view volume) {
    for (LocalTemplate& one : local_templates(engine))
        if (one.volume == volume) return std::move(one);
    fail(Exit::not_found, "there is no template {}; lodge image list shows them",
         printable(volume));
}

std::vector<OfferedTemplate> offered_templates(Engine& engine, std::string_view only) {
    std::vector<OfferedTemplate> all;
    const std::string arch = machine_arch();
    for (const TemplateServer& server : template_servers(engine.host)) {
        if (!only.empty() && server.id != only) continue;
        const auto known = known_templates(engine.host, server.id);
        if (!known) continue;
        for (const StreamTemplate& facts : known->templates)
            if (facts.arch == arch || facts.arch.empty()) all.push_back({server, facts, ""});
    }
    for (const auto& storage : engine.storages.all()) {
        if (all.empty() || !takes_templates(*storage)) continue;
        const std::string folder = parent_of(storage->path("vztmpl/any"));
        const auto files = engine.host.list(folder);
        for (OfferedTemplate& one : all) {
            const std::string file = template_file_name(one.server.id, one.facts);
            if (std::binary_search(files.begin(), files.end(), file))
                one.volume = storage->id() + ":vztmpl/" + file;
        }
    }
    return all;
}

}  // namespace lodge
