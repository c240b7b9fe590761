#include "engine/state/storage_look.h"

#include <sys/stat.h>

#include <algorithm>
#include <tuple>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/state/template_look.h"
#include "engine/units.h"
#include "engine/vm/change.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;

void add_users(const Section& section, int guest, const std::string& snapshot,
               std::map<std::string, std::vector<VolumeView::User>>& users) {
    for (const auto& [key, value] : section.entries()) {
        const std::string volume = volume_of(value);
        if (!VolumeId::parse(volume)) continue;
        users[volume].push_back({guest, key, snapshot});
    }
}

}  // namespace

std::map<std::string, std::vector<VolumeView::User>> volume_users(
    const std::vector<GuestView>& guests) {
    std::map<std::string, std::vector<VolumeView::User>> users;
    for (const GuestView& view : guests) {
        const Config& config = view.guest->config;
        add_users(config.current, view.guest->id, "", users);
        for (const auto& [name, section] : config.snapshots())
            add_users(section, view.guest->id, name, users);
    }
    return users;
}

void StorageLook::read_file() {
    std::string text = host_.read(host_.config_folder() + "/storage.cfg").value_or("");
    if (text == file_) return;
    file_ = std::move(text);
    storages_.forget();
    listed_.clear();
}

const StorageLook::Listed& StorageLook::list(const Storage& storage, Time now) {
    Listed& listed = listed_[storage.id()];
    if (now < listed.next) return listed;
    const auto begin = std::chrono::steady_clock::now();
    listed.volumes.clear();
    listed.trouble.clear();
    try {
        for (VolumeInfo& info : storage.list()) {
            VolumeView volume;
            struct stat facts {};
            if (::stat(info.path.c_str(), &facts) == 0) volume.time = facts.st_mtime;
            volume.info = std::move(info);
            listed.volumes.push_back(std::move(volume));
        }
        if (storage.holds("vztmpl")) add_templates(host_, storage, listed.volumes);
    } catch (const Error& error) {
        listed.trouble = error.what();
    }
    std::sort(listed.volumes.begin(), listed.volumes.end(), [](const auto& a, const auto& b) {
        return std::tie(a.info.content, a.info.id) < std::tie(b.info.content, b.info.id);
    });
    const auto took = std::chrono::steady_clock::now() - begin;
    listed.next = now + std::max<Time::duration>(took * 20, 2s);
    return listed;
}

StorageView StorageLook::view_of(const Storage& storage, const std::vector<Mount>& mounts,
                                 Time now) {
    StorageView view;
    view.id = storage.id();
    view.type = storage.type();
    view.path = storage.options().text("path", "");
    for (const std::string& content :
         split(storage.options().text("content", "images,rootdir"), ','))
        view.contents.emplace_back(trim(content));
    const Mount* mount = view.path.empty() ? nullptr : mount_of(mounts, view.path);
    if (mount && mount->may_hang() && !reach_.answers(view.path, now)) {
        view.trouble =
            fmt::format("{} ({} from {}) does not answer", view.path, mount->type, mount->source);
        return view;
    }
    view.trouble = storage.why_unusable();
    if (!view.trouble.empty()) return view;
    try {
        view.space = storage.space();
    } catch (const Error& error) {
        view.trouble = error.what();
        return view;
    }
    const Listed& listed = list(storage, now);
    view.trouble = listed.trouble;
    view.volumes = listed.volumes;
    return view;
}

void StorageLook::look(Seen& seen, Time now) {
    read_file();
    const std::vector<Mount> mounts =
        parse_mounts(host_.read(host_.system("/proc/self/mountinfo")).value_or(""));
    const auto users = volume_users(seen.guests);
    seen.storages.clear();
    seen.storage_problems = storages_.problems();
    for (const auto& storage : storages_.all()) {
        StorageView view = view_of(*storage, mounts, now);
        for (VolumeView& volume : view.volumes)
            if (const auto found = users.find(volume.info.id); found != users.end())
                volume.users = found->second;
        seen.storages.push_back(std::move(view));
    }
}

}  // namespace lodge
