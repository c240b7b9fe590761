#include <sys/stat.h>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/vm.h"

// The verbs by which guests come and go.

namespace lodge {
namespace {

int guest_of(const Values& on) {
    return static_cast<int>(on.integer("guest"));
}

const GuestKind& kind_of(Engine& engine, const Values& on) {
    for (const GuestKind* kind : engine.kinds)
        if (kind->folder() == on.text("folder")) return *kind;
    fail(Exit::failed, "there is no kind of guest in {}", on.text("folder"));
}

// A path for reading: the folder of the configuration differs from person to person.
std::string shown_path(const Values& on) {
    return fmt::format("{}/{}.conf", on.text("folder"), on.text("guest"));
}

void config_create(Work& work, const Values& on) {
    Engine& engine = work.engine();
    const GuestKind& kind = kind_of(engine, on);
    const int id = guest_of(on);
    engine.store.create(
        kind.folder(), id,
        Config::parse(on.text("text"), kind.schema(), engine.store.path(kind.folder(), id)));
}
std::string config_create_shell(const Values& on) {
    return fmt::format("cat > {} <<'END'\n{}END", shown_path(on), on.text("text"));
}

// With a token: only the configuration that this very plan made and did not finish.
void config_remove(Work& work, const Values& on) {
    Engine& engine = work.engine();
    const GuestKind& kind = kind_of(engine, on);
    const int id = guest_of(on);
    if (!engine.host.exists(engine.store.path(kind.folder(), id))) return;
    if (const auto token = on.get("token")) {
        const Config config = engine.store.load(kind.folder(), id, kind.schema());
        const bool ours = config.current.get("vmgenid") == *token ||
                          config.current.description().ends_with(*token);
        if (config.current.get("lock") != "create" || !ours) return;
    }
    engine.store.remove(kind.folder(), id);
}
std::string config_remove_shell(const Values& on) {
    return "rm -f " + shown_path(on);
}

void config_finish(Work& work, const Values& on) {
    Engine& engine = work.engine();
    const GuestKind& kind = kind_of(engine, on);
    const std::string token = on.text("token", "");
    engine.store.change(kind.folder(), guest_of(on), kind.schema(), [&](Config& config) {
        config.current.erase("lock");
        std::string words = config.current.description();
        if (token.empty() || !words.ends_with(token)) return;
        words.resize(words.size() - token.size());
        if (trim(words).empty())
            config.current.erase("description");
        else
            config.current.set_description(words);
    });
}
std::string config_finish_shell(const Values& on) {
    if (on.has("token"))
        return fmt::format("sed -i -e '/^lock: create$/d' -e '/^#{}$/d' {}", on.text("token"),
                           shown_path(on));
    return "sed -i '/^lock: create$/d' " + shown_path(on);
}

// The guest did not exist when the plan was made: its start is planned when it does.
void guest_start(Work& work, const Values& on) {
    Engine& engine = work.engine();
    engine.storages.forget();
    const Guest guest = load_guest(engine, guest_of(on));
    // A job that broke off may have come that far.
    if (vm_process(engine.host, guest.id)) return work.say(guest_words(guest) + " runs already");
    const Plan plan = guest.kind->start(engine, guest, {});
    for (const std::string& words : plan.warnings)
        work.say("warning: " + words);
    carry_out(
        plan, engine.actions, work, [](void*, size_t, std::string_view) {}, nullptr);
}
std::string guest_start_shell(const Values& on) {
    return "lodge guest start " + on.text("guest");
}

constexpr ActionKind kinds[] = {
    // folder guest text
    {"config-create", config_create, config_create_shell},
    // folder guest [token]
    {"config-remove", config_remove, config_remove_shell},
    // folder guest [token]: takes the `lock: create` away, and the token out of the notes
    {"config-finish", config_finish, config_finish_shell},
    // guest
    {"guest-start", guest_start, guest_start_shell},
};

}  // namespace

std::span<const ActionKind> vm_create_actions() {
    return kinds;
}

}  // namespace lodge
