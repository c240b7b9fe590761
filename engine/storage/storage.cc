#include "engine/storage/storage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/error.h"
#include "engine/fd.h"
#include "engine/host.h"
#include "engine/storage/all.h"
#include "engine/storage/image.h"
#include "engine/storage/storage_cfg.h"
#include "engine/units.h"

namespace lodge {
namespace {

// What the folder storage `local` holds when no storage.cfg says otherwise.
constexpr std::string_view all_content = "images,rootdir,vztmpl,iso,snippets,backup,import";

VolumeInfo file_info(const std::string& path) {
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            fail(Exit::not_found, "there is no file {}", printable(path));
        fail_errno(errno, "cannot look at " + printable(path));
    }
    VolumeInfo volume;
    volume.id = volume.path = path;
    volume.content = "images";
    volume.used = static_cast<int64_t>(facts.st_blocks) * 512;
    if (S_ISBLK(facts.st_mode)) {
        volume.format = "raw";
        const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        if (!fd) fail_errno(errno, "cannot look at " + printable(path));
        const off_t end = ::lseek(fd.get(), 0, SEEK_END);
        if (end < 0) fail_errno(errno, "cannot see the size of " + printable(path));
        volume.size = volume.used = end;
        return volume;
    }
    if (!S_ISREG(facts.st_mode))
        fail(Exit::refused, "{} is neither a file nor a disk", printable(path));
    volume.size = facts.st_size;
    volume.format = format_of_name(path);
    if (volume.format.empty()) volume.format = "raw";
    if (volume.format == "iso") volume.content = "iso";
    if (volume.format == "qcow2")
        if (const auto head = read_qcow2_head(path)) volume.size = head->size;
    return volume;
}

}  // namespace

std::optional<VolumeId> VolumeId::parse(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || colon + 1 == text.size()) return std::nullopt;
    const std::string_view storage = text.substr(0, colon);
    if (!is_storage_id(storage)) return std::nullopt;
    return VolumeId{std::string(storage), std::string(text.substr(colon + 1))};
}

bool Storage::holds(std::string_view content) const {
    // A folder without a content list holds disks and containers, as in that format.
    for (const std::string& one : split(options_.text("content", "images,rootdir"), ','))
        if (trim(one) == content) return true;
    return false;
}

Storages::~Storages() = default;

void Storages::load() {
    if (loaded_) return;
    const std::string path = host_.config_folder() + "/storage.cfg";
    const StorageCfg cfg = StorageCfg::parse(host_.read(path).value_or(""));
    std::vector<std::unique_ptr<Storage>> all;
    std::vector<std::string> problems;
    for (const auto& problem : cfg.problems())
        problems.push_back(fmt::format("{}:{}: {}", path, problem.line, problem.words));
    for (const auto& entry : cfg.entries())
        all.push_back(make_storage(host_, entry.type, entry.id, entry.options));
    if (!cfg.find("local"))
        all.insert(all.begin(),
                   make_storage(host_, "dir", "local",
                                {{"path", host_.state_folder()}, {"content", all_content}}));
    all_ = std::move(all);
    problems_ = std::move(problems);
    loaded_ = true;
}

void Storages::forget() {
    loaded_ = false;
    all_.clear();
    problems_.clear();
}

const std::vector<std::unique_ptr<Storage>>& Storages::all() {
    load();
    return all_;
}

const std::vector<std::string>& Storages::problems() {
    load();
    return problems_;
}

const Storage& Storages::get(std::string_view id) {
    std::vector<std::string> names;
    for (const auto& storage : all()) {
        if (storage->id() == id) return *storage;
        names.push_back(storage->id());
    }
    fail(Exit::not_found, "there is no storage '{}': there is {}", printable(id),
         join(names, ", "));
}

const Storage& Storages::of(std::string_view volume) {
    const auto id = VolumeId::parse(volume);
    if (!id) fail(Exit::usage, "'{}' is no volume: STORAGE:NAME", printable(volume));
    const Storage& storage = get(id->storage);
    if (const std::string why = storage.why_unusable(); !why.empty())
        throw Error(Exit::refused, why);
    return storage;
}

VolumeInfo Storages::info(std::string_view volume) {
    if (!volume.empty() && volume.front() == '/') return file_info(std::string(volume));
    return of(volume).info(VolumeId::parse(volume).value_or(VolumeId{}).name);
}

const Storage& Storages::default_for(std::string_view content) {
    const std::string_view wanted = content.empty() ? "images" : content;
    std::string why;
    for (const auto& storage : all()) {
        if (!storage->holds(wanted)) continue;
        const std::string reason = storage->why_unusable();
        if (reason.empty()) return *storage;
        why += "; " + reason;
    }
    fail(Exit::missing, "no storage can take {}{}; name one with lodge storage add", wanted, why);
}

}  // namespace lodge
