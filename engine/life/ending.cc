#include "engine/life/ending.h"

#include <unistd.h>

#include <filesystem>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/network/nat.h"
#include "engine/units.h"
#include "engine/vm/life.h"
#include "engine/vm/vm.h"

namespace lodge {

Plan plan_for_guest(const Guest& guest, std::string_view verb) {
    Plan plan;
    plan.title = fmt::format("{} {}", verb, guest_words(guest));
    plan.guests.push_back(guest.id);
    return plan;
}

void need_running(Engine& engine, const Guest& guest, std::string_view verb) {
    if (!vm_process(engine.host, guest.id))
        fail(Exit::refused, "cannot {} {}: it is not running", verb, guest_words(guest));
}

int64_t limit_of(const Values& words, int64_t usual) {
    constexpr int64_t longest = 86400;
    const int64_t limit = words.integer("timeout", usual);
    if (limit < 0 || limit > longest)
        fail(Exit::usage, "--timeout: {} is not allowed: 0 to {} seconds", limit, longest);
    return limit;
}

int64_t shutdown_limit(const Guest& guest, const Values& words) {
    int64_t usual = 60;
    if (const auto startup = guest.config.properties("startup"); startup && startup->has("down"))
        usual = startup->integer("down");
    return limit_of(words, usual);
}

void refuse_destroy(Engine& engine, const Guest& guest) {
    // Half a creation is a leftover that may go, unless its job is still at work on it.
    if (guest.config.current.get("lock") != "create") return refuse_if_held(guest, "destroy", true);
    const auto job = engine.jobs.of_guest(guest.id);
    if (job && job->state == JobState::running)
        fail(Exit::busy, "cannot destroy {}: job {} is at work on it", guest_words(guest),
             job->number);
    if (guest.config.flag("protection")) refuse_if_held(guest, "destroy", true);
}

Plan plan_destroy(Engine& engine, const Guest& guest, const Values& words) {
    refuse_destroy(engine, guest);
    Plan plan = plan_for_guest(guest, "destroy");
    if (!vm_process(engine.host, guest.id)) return plan;
    if (!words.flag("force"))
        fail(Exit::refused, "cannot destroy {}: it is running; lodge stop {}, or --force",
             guest_words(guest), guest.id);
    plan.append(guest.kind->stop(engine, guest, {}));
    return plan;
}

void plan_destroyed(Engine& engine, const Guest& guest, Plan& plan) {
    const std::string log = guest_log_folder(engine.host, guest.id);
    if (engine.host.exists(log)) plan.step("remove its logs", {"remove-tree", {{"path", log}}});
    plan.step("remove its configuration",
              {"config-remove", {{"folder", guest.kind->folder()}, {"guest", guest.id}}});
}

void clean_if_ended(Engine& engine, int id, void (*clean)(const Host&, int), Sighting& seen) {
    const Host& host = engine.host;
    const std::string folder = guest_run_folder(host, id);
    if (!host.exists(folder) || ::access(folder.c_str(), W_OK) != 0) return;
    try {
        const std::string locks = host.run_folder() + "/lock";
        host.make_folder(locks);
        const FileLock lock(locks + "/" + std::to_string(id), "", std::chrono::milliseconds(0));
        if (!vm_process(host, id) && nat_forget(engine, id)) clean(host, id);
    } catch (const Error& error) {
        if (error.exit() != Exit::busy) seen.notes.emplace_back(error.what());
    }
}

void note_last_end(const Host& host, int id, std::string_view died, Sighting& seen) {
    const auto end = vm_last_end(host, id);
    if (!end || !end->died) return;
    const std::string last = split(end->words, '\n').back();
    seen.notes.push_back(std::string(died) + (last.empty() ? "" : ": " + last));
}

void remove_run_folder(const Host& host, int id) {
    const std::string folder = guest_run_folder(host, id);
    std::error_code trouble;
    for (int round = 0; round < 3; ++round) {
        std::filesystem::remove_all(folder, trouble);
        if (trouble != std::errc::no_such_file_or_directory) break;
    }
    if (trouble && trouble != std::errc::no_such_file_or_directory)
        fail_errno(trouble.value(), "cannot remove " + folder);
}

}  // namespace lodge
