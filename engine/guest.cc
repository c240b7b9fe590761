#include "engine/guest.h"

#include <algorithm>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/process.h"
#include "engine/units.h"

namespace lodge {

std::string_view guest_state_word(GuestState state) {
    switch (state) {
        case GuestState::stopped:
            return "stopped";
        case GuestState::running:
            return "running";
        case GuestState::paused:
            return "paused";
        case GuestState::suspended:
            return "suspended";
        case GuestState::starting:
            return "starting";
        case GuestState::unknown:
            return "unknown";
    }
    return "unknown";
}

namespace {

[[noreturn]] void cannot(const GuestKind& kind, std::string_view verb) {
    fail(Exit::refused, "a guest of kind {} cannot {}", kind.name(), verb);
}

Guest read_guest(Engine& engine, const GuestKind& kind, int id) {
    Guest guest;
    guest.id = id;
    guest.kind = &kind;
    guest.config = engine.store.load(kind.folder(), id, kind.schema());
    // Virtual machines have a name, containers a hostname.
    for (const std::string_view key : {"name", "hostname"})
        if (guest.name.empty()) guest.name = guest.config.current.get(key).value_or("");
    if (guest.name.empty()) {
        std::string prefix(kind.name());
        std::transform(prefix.begin(), prefix.end(), prefix.begin(),
                       [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
        guest.name = prefix + " " + std::to_string(id);
    }
    return guest;
}

// A virtual machine that runs although its file was removed: it can still be seen and stopped.
std::optional<Guest> orphan(Engine& engine, int id) {
    const std::string pid_file = guest_run_folder(engine.host, id) + "/pid";
    const auto process = ProcessId::parse(engine.host.read_line(pid_file));
    if (!process || !open_process(engine.host, *process)) return std::nullopt;
    for (const GuestKind* kind : engine.kinds) {
        if (kind->folder() != "qemu-server") continue;
        Guest guest;
        guest.id = id;
        guest.kind = kind;
        guest.name = std::string(kind->name()) + " " + std::to_string(id);
        const std::string file = engine.store.path(kind->folder(), id);
        guest.config = Config::parse("", kind->schema(), file);
        guest.unreadable = "its configuration " + file + " was removed while it ran";
        return guest;
    }
    return std::nullopt;
}

}  // namespace

Plan GuestKind::create(Engine&, int, const Values&) const {
    cannot(*this, "be created");
}
Plan GuestKind::start(Engine&, const Guest&, const Values&) const {
    cannot(*this, "be started");
}
Plan GuestKind::shutdown(Engine&, const Guest&, const Values&) const {
    cannot(*this, "be shut down");
}
Plan GuestKind::reboot(Engine&, const Guest&, const Values&) const {
    cannot(*this, "be rebooted");
}
Plan GuestKind::stop(Engine&, const Guest&, const Values&) const {
    cannot(*this, "be stopped");
}
Plan GuestKind::reset(Engine&, const Guest&, const Values&) const {
    cannot(*this, "be reset");
}
Plan GuestKind::suspend(Engine&, const Guest&, const Values&) const {
    cannot(*this, "be suspended");
}
Plan GuestKind::resume(Engine&, const Guest&, const Values&) const {
    cannot(*this, "be resumed");
}
Plan GuestKind::set(Engine&, const Guest&, const Values&) const {
    cannot(*this, "be changed");
}
Plan GuestKind::destroy(Engine&, const Guest&, const Values&) const {
    cannot(*this, "be destroyed");
}
Plan GuestKind::clone(Engine&, const Guest&, const Values&) const {
    cannot(*this, "be cloned");
}
Plan GuestKind::make_template(Engine&, const Guest&, const Values&) const {
    cannot(*this, "become a template");
}
Plan GuestKind::snapshot(Engine&, const Guest&, const Values&) const {
    cannot(*this, "have snapshots");
}
Plan GuestKind::rollback(Engine&, const Guest&, const Values&) const {
    cannot(*this, "have snapshots");
}
Plan GuestKind::delete_snapshot(Engine&, const Guest&, const Values&) const {
    cannot(*this, "have snapshots");
}
int GuestKind::console(Engine&, const Guest&, const Values&) const {
    cannot(*this, "show a console");
}
std::string GuestKind::show_command(Engine&, const Guest&) const {
    cannot(*this, "show a command line");
}
std::vector<std::string> GuestKind::warnings(Engine&, const Guest&) const {
    return {};
}

Guest read_guest_leniently(Engine& engine, const GuestKind& kind, int id) {
    try {
        return read_guest(engine, kind, id);
    } catch (const Error& trouble) {
        Guest guest;
        guest.id = id;
        guest.kind = &kind;
        guest.name = std::string(kind.name()) + " " + std::to_string(id);
        guest.config = Config::parse("", kind.schema(), engine.store.path(kind.folder(), id));
        guest.unreadable = trouble.what();
        return guest;
    }
}

std::vector<Guest> list_guests(Engine& engine) {
    std::vector<Guest> guests;
    for (const GuestKind* kind : engine.kinds)
        for (const int id : engine.store.ids(kind->folder()))
            guests.push_back(read_guest_leniently(engine, *kind, id));
    const auto has = [&guests, known = guests.size()](int64_t id) {
        const auto end = guests.begin() + static_cast<std::ptrdiff_t>(known);
        return std::any_of(guests.begin(), end, [&](const Guest& one) { return one.id == id; });
    };
    for (const std::string& name : engine.host.list(engine.host.run_folder() + "/guest")) {
        const auto id = parse_integer(name);
        if (!id || *id < 100 || *id > 999999999 || has(*id)) continue;
        if (auto guest = orphan(engine, static_cast<int>(*id))) guests.push_back(std::move(*guest));
    }
    std::sort(guests.begin(), guests.end(),
              [](const Guest& a, const Guest& b) { return a.id < b.id; });
    return guests;
}

Guest load_guest(Engine& engine, int id) {
    for (const GuestKind* kind : engine.kinds) {
        if (engine.host.exists(engine.store.path(kind->folder(), id)))
            return read_guest(engine, *kind, id);
    }
    if (auto guest = orphan(engine, id)) return std::move(*guest);
    fail(Exit::not_found, "there is no guest {}; lodge guest list shows them", id);
}

Guest find_guest(Engine& engine, std::string_view id_or_name) {
    if (const auto id = parse_integer(id_or_name); id && *id >= 100 && *id <= 999999999)
        return load_guest(engine, static_cast<int>(*id));
    std::vector<Guest> found;
    for (Guest& guest : list_guests(engine))
        if (guest.name == id_or_name) found.push_back(std::move(guest));
    if (found.size() == 1) return std::move(found.front());
    if (found.empty())
        fail(Exit::not_found, "there is no guest '{}'; lodge guest list shows them",
             printable(id_or_name));
    std::vector<std::string> ids;
    for (const Guest& guest : found)
        ids.push_back(std::to_string(guest.id));
    fail(Exit::usage, "'{}' is the name of several guests ({}): say which by its id",
         printable(id_or_name), join(ids, ", "));
}

std::string guest_words(const Guest& guest) {
    return fmt::format("{} ({})", guest.id, printable(guest.name));
}

void refuse_if_held(const Guest& guest, std::string_view verb, bool destroys) {
    if (!guest.unreadable.empty())
        fail(Exit::failed, "cannot {} {}: {}", verb, guest_words(guest), guest.unreadable);
    const auto lock = guest.config.current.get("lock");
    if (lock == "mounted")
        fail(Exit::refused, "cannot {} {}: its root file system is mounted; lodge unmount {}", verb,
             guest_words(guest), guest.id);
    if (lock)
        fail(Exit::refused,
             "cannot {} {}: it is locked ({}), so something is at work on it or broke off; when "
             "nothing is, lodge guest unlock {}",
             verb, guest_words(guest), printable(*lock), guest.id);
    if (destroys && guest.config.flag("protection"))
        fail(Exit::refused, "cannot {} {}: it is protected; lodge set {} protection=0", verb,
             guest_words(guest), guest.id);
}

std::string guest_run_folder(const Host& host, int id) {
    return host.run_folder() + "/guest/" + std::to_string(id);
}

std::string guest_log_folder(const Host& host, int id) {
    return host.state_folder() + "/log/" + std::to_string(id);
}

}  // namespace lodge
