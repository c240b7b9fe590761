#include "engine/container/container.h"
#include "engine/engine.h"
#include "engine/error.h"

// What a container's configuration knows of its snapshots: a section each, with the keys as they
// were, and which came of which.

namespace lodge {
namespace {

void note(Work& work, const Values& on) {
    const std::string& name = on.text("name");
    work.engine().store.change(
        "lxc", static_cast<int>(on.integer("guest")), container_schema(), [&](Config& config) {
            Section& section = config.add_snapshot(name);
            for (const auto& [key, value] : config.current.entries()) {
                if (key == "lock" || key == "snaptime" || key.starts_with("unused")) continue;
                if (key.starts_with("lxc."))
                    section.add(key, value);
                else
                    section.set(key, value);
            }
            section.set("snaptime", on.text("time"));
            if (const std::string words = on.text("description", ""); !words.empty())
                section.set_description(words);
            config.current.set("parent", name);
        });
}

// Those that came of it come of what it came of.
void forget(Work& work, const Values& on) {
    const std::string& name = on.text("name");
    work.engine().store.change("lxc", static_cast<int>(on.integer("guest")), container_schema(),
                               [&](Config& config) {
                                   const Section* gone = config.snapshot(name);
                                   if (!gone) return;
                                   const auto parent = gone->get("parent");
                                   const auto pass_on = [&](Section& section) {
                                       if (section.get("parent") != name) return;
                                       if (parent)
                                           section.set("parent", *parent);
                                       else
                                           section.erase("parent");
                                   };
                                   pass_on(config.current);
                                   std::vector<std::string> names;
                                   for (const auto& [one, section] : config.snapshots())
                                       names.push_back(one);
                                   for (const std::string& one : names)
                                       pass_on(*config.snapshot(one));
                                   config.remove_snapshot(name);
                               });
}

void take(Work& work, const Values& on) {
    const std::string& name = on.text("name");
    work.engine().store.change(
        "lxc", static_cast<int>(on.integer("guest")), container_schema(), [&](Config& config) {
            const Section* section = config.snapshot(name);
            if (!section) fail(Exit::not_found, "there is no snapshot {} any more", name);
            std::vector<std::string> before;
            for (const auto& [key, value] : config.current.entries())
                if (!key.starts_with("unused")) before.push_back(key);
            for (const std::string& key : before)
                config.current.erase(key);
            for (const auto& [key, value] : section->entries()) {
                if (key == "snaptime" || key == "parent" || key == "snapstate") continue;
                if (key.starts_with("lxc."))
                    config.current.add(key, value);
                else
                    config.current.set(key, value);
            }
            config.current.set("parent", name);
        });
}

std::string note_shell(const Values& on) {
    return fmt::format("# in lxc/{0}.conf: a section [{1}] with all keys, and parent: {1} above",
                       on.text("guest"), on.text("name"));
}
std::string forget_shell(const Values& on) {
    return fmt::format("# out of lxc/{}.conf: the section [{}]", on.text("guest"), on.text("name"));
}
std::string take_shell(const Values& on) {
    return fmt::format("# in lxc/{}.conf: the keys of [{}] take the place of those above",
                       on.text("guest"), on.text("name"));
}

constexpr ActionKind kinds[] = {
    // guest name [description] time
    {"ct-snapshot-note", note, note_shell},
    // guest name
    {"ct-snapshot-forget", forget, forget_shell},
    {"ct-snapshot-take", take, take_shell},
};

}  // namespace

std::span<const ActionKind> ct_snapshot_actions() {
    return kinds;
}

}  // namespace lodge
