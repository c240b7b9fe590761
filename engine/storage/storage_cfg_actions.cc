#include "engine/engine.h"
#include "engine/error.h"
#include "engine/storage/storage_cfg.h"
#include "engine/units.h"

// The verbs that change storage.cfg.

namespace lodge {
namespace {

template <class Change>
void change_cfg(Work& work, Change change) {
    const Host& host = work.engine().host;
    const std::string path = host.config_folder() + "/storage.cfg";
    const std::string locks = host.config_folder() + "/.locks";
    host.make_folder(locks, 0700);
    const FileLock held(locks + "/storage.cfg",
                        "cannot change storage.cfg: another program is changing it right now",
                        std::chrono::seconds(10));
    StorageCfg cfg = StorageCfg::parse(host.read(path).value_or(""));
    change(cfg);
    // Passwords and keys of storages may stand in it.
    host.write(path, cfg.text(), 0640);
    work.engine().storages.forget();
}

StorageCfg::Entry entry_of(const Values& on) {
    StorageCfg::Entry entry{on.text("type"), on.text("id"), {}};
    for (const std::string& pair : on.list("options")) {
        const auto equals = pair.find('=');
        entry.options.set({pair.substr(0, equals), pair.substr(equals + 1)});
    }
    return entry;
}

void add(Work& work, const Values& on) {
    change_cfg(work, [&](StorageCfg& cfg) { cfg.add(entry_of(on)); });
}
std::string add_shell(const Values& on) {
    StorageCfg cfg;
    cfg.add(entry_of(on));
    return "cat >> storage.cfg <<'END'\n" + cfg.text() + "END";
}

// An undo: nothing when the entry is not there, or is not the one that was added.
void drop(Work& work, const Values& on) {
    change_cfg(work, [&](StorageCfg& cfg) {
        const auto* found = cfg.find(on.text("id"));
        if (found && found->type == on.text("type") && found->options == entry_of(on).options)
            cfg.remove(on.text("id"));
    });
}

void remove(Work& work, const Values& on) {
    change_cfg(work, [&](StorageCfg& cfg) { cfg.remove(on.text("id")); });
}
std::string remove_shell(const Values& on) {
    return "# take the entry " + on.text("id") + " out of storage.cfg";
}

constexpr ActionKind kinds[] = {
    // type id options (list of key=value)
    {"storage-add", add, add_shell},
    {"storage-drop", drop, remove_shell},
    // id
    {"storage-remove", remove, remove_shell},
};

}  // namespace

std::span<const ActionKind> storage_cfg_actions() {
    return kinds;
}

}  // namespace lodge
