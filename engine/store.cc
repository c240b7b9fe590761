#include "engine/store.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "engine/error.h"
#include "engine/units.h"

namespace lodge {
namespace {

constexpr int kFirstId = 100;
constexpr int kLastId = 999999999;
constexpr std::array<std::string_view, 2> kFolders = {"qemu-server", "lxc"};
constexpr auto kPatience = std::chrono::seconds(10);
// Passwords of cloud-init stand in these files.
constexpr mode_t kMode = 0640;

// The lock lies beside the files, never on one: a file that is replaced by rename takes its lock
// with it, and two programs would each hold "the" lock. Lock files stay, for the same reason.
FileLock lock(const Host& host, int id) {
    const std::string folder = host.config_folder() + "/.locks";
    host.make_folder(folder, 0700);
    return FileLock(fmt::format("{}/{}", folder, id),
                    fmt::format("cannot change guest {}: another program is changing its "
                                "configuration right now; try again",
                                id),
                    kPatience);
}

// What a killed Lodge left beside the file. Only under the lock: then nobody is writing one.
void remove_half_files(const Host& host, const std::string& path) {
    const size_t slash = path.rfind('/');
    const std::string folder = path.substr(0, slash);
    const std::string start = path.substr(slash + 1) + ".new.";
    for (const std::string& name : host.list(folder))
        if (name.starts_with(start)) host.remove(folder + "/" + name);
}

[[noreturn]] void fail_missing(int id, const std::string& path) {
    fail(Exit::not_found, "there is no guest {}: no file {}", id, path);
}

}  // namespace

std::string Store::path(std::string_view folder, int id) const {
    return fmt::format("{}/{}/{}.conf", host_.config_folder(), folder, id);
}

std::vector<int> Store::ids(std::string_view folder) const {
    std::vector<int> found;
    for (const std::string& name : host_.list(host_.config_folder() + "/" + std::string(folder))) {
        if (!name.ends_with(".conf")) continue;
        const auto id = parse_integer(std::string_view(name).substr(0, name.size() - 5));
        // The comparison passes over names like 0101.conf, which no guest has.
        if (id && *id >= kFirstId && *id <= kLastId && name == fmt::format("{}.conf", *id))
            found.push_back(static_cast<int>(*id));
    }
    std::sort(found.begin(), found.end());
    return found;
}

Config Store::load(std::string_view folder, int id, const Schema& schema) const {
    const std::string file = path(folder, id);
    const auto text = host_.read(file);
    if (!text) fail_missing(id, file);
    return Config::parse(*text, schema, file);
}

void Store::create(std::string_view folder, int id, const Config& config) const {
    if (id < kFirstId || id > kLastId)
        fail(Exit::usage, "{} is no number for a guest: {} to {}", id, kFirstId, kLastId);
    const FileLock held = lock(host_, id);
    for (const std::string_view other : kFolders) {
        const std::string taken = path(other, id);
        if (host_.exists(taken))
            fail(Exit::busy, "cannot make guest {}: the number is taken by {}", id, taken);
    }
    const std::string file = path(folder, id);
    remove_half_files(host_, file);
    host_.write(file, config.text(), kMode);
}

Config Store::change(std::string_view folder, int id, const Schema& schema,
                     const std::function<void(Config&)>& edit,
                     const std::string& expected_digest) const {
    const std::string file = path(folder, id);
    if (!host_.exists(file)) fail_missing(id, file);
    const FileLock held = lock(host_, id);
    Config config = load(folder, id, schema);
    const std::string digest = config.digest();
    if (!expected_digest.empty() && expected_digest != digest)
        fail(Exit::busy, "{} was changed meanwhile; look at it again before you change it", file);
    edit(config);
    if (!config.changed()) return config;
    const std::string text = config.text();

    // An editor does not know the lock: what it saved while we worked must not be overwritten.
    const auto now = host_.read(file);
    if (!now) fail(Exit::busy, "{} was removed meanwhile; nothing was written", file);
    if (Config::parse(*now, schema, file).digest() != digest)
        fail(Exit::busy, "{} was changed meanwhile by another program; nothing was written", file);
    struct stat old {};
    if (::stat(file.c_str(), &old) != 0) fail_errno(errno, "cannot look at " + file);
    remove_half_files(host_, file);
    host_.write(file, text, old.st_mode & 07777);
    return Config::parse(text, schema, file);
}

void Store::remove(std::string_view folder, int id) const {
    const std::string file = path(folder, id);
    if (!host_.exists(file)) fail_missing(id, file);
    const FileLock held = lock(host_, id);
    host_.remove(file);
    remove_half_files(host_, file);
}

int Store::free_id() const {
    std::vector<int> taken;
    for (const std::string_view folder : kFolders)
        for (const int id : ids(folder))
            taken.push_back(id);
    std::sort(taken.begin(), taken.end());
    int free = kFirstId;
    for (const int id : taken)
        if (id == free) ++free;
    return free;
}

}  // namespace lodge
