#include "engine/state/template_look.h"

#include <algorithm>
#include <ctime>
#include <map>

#include "engine/container/rootfs_source.h"
#include "engine/host.h"
#include "engine/template/origin.h"
#include "engine/template/servers.h"

namespace lodge {
namespace {

// "20261120_05:24" begins with a date; 0 for others.
int64_t date_of(const std::string& version) {
    std::tm date{};
    if (version.size() < 8 || ::strptime(version.substr(0, 8).c_str(), "%Y%m%d", &date) == nullptr)
        return 0;
    return ::timegm(&date);
}

VolumeView offer(const TemplateServer& server, const StreamTemplate& facts) {
    VolumeView view;
    view.info.id = server.id + ":" + facts.name();
    view.info.content = "available";
    const auto dot = facts.path.rfind('.');
    view.info.format = dot == std::string::npos ? "" : facts.path.substr(dot + 1);
    view.info.size = facts.size;
    view.time = date_of(facts.version);
    return view;
}

}  // namespace

void add_templates(const Host& host, const Storage& storage, std::vector<VolumeView>& volumes) {
    std::map<std::string, std::string> newest;  // by product
    std::vector<VolumeView> offers;
    for (const TemplateServer& server : template_servers(host)) {
        const auto known = known_templates(host, server.id);
        if (!known) continue;
        for (const StreamTemplate& facts : known->templates) {
            if (facts.arch != machine_arch() && !facts.arch.empty()) continue;
            newest[facts.product] = facts.version;
            offers.push_back(offer(server, facts));
            const std::string volume =
                storage.id() + ":vztmpl/" + template_file_name(server.id, facts);
            if (std::any_of(volumes.begin(), volumes.end(),
                            [&](const VolumeView& one) { return one.info.id == volume; }))
                offers.back().note = "here";
        }
    }
    for (VolumeView& volume : volumes) {
        if (volume.info.content != "vztmpl") continue;
        const auto text = host.read(origin_path(volume.info.path));
        const auto origin = text ? parse_origin(*text) : std::nullopt;
        if (!origin) continue;
        const auto found = newest.find(origin->product);
        volume.note = found != newest.end() && origin->version < found->second
                          ? "newer: " + found->second
                          : origin->name;
    }
    volumes.insert(volumes.end(), offers.begin(), offers.end());
}

}  // namespace lodge
