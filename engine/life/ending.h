#pragma once

#include <cstdint>
#include <string_view>

#include "engine/guest.h"
#include "engine/plan.h"

// The frame of the plans that end, restart, pause and remove a guest of any kind, and what is
// tidied up after one that ended by itself.

namespace lodge {

// A plan "<verb> 101 (web)" with the guest's lock.
Plan plan_for_guest(const Guest& guest, std::string_view verb);
// Throws Error(Exit::refused) when it does not run.
void need_running(Engine& engine, const Guest& guest, std::string_view verb);
// The word `timeout`, else the usual one, in seconds. Throws Error(Exit::usage): 0 to 86400.
int64_t limit_of(const Values& words, int64_t usual);
// How long a guest may take to shut down: the word, else the configuration's, else a minute.
int64_t shutdown_limit(const Guest& guest, const Values& words);

// Throws Error when the guest may not be destroyed: protected, locked (but for the half of a
// creation that broke off), or a job is at work on it.
void refuse_destroy(Engine& engine, const Guest& guest);
// The plan's beginning: its end first, when it runs and the word `force` is there; else throws.
Plan plan_destroy(Engine& engine, const Guest& guest, const Values& words);
// Its end: logs, then the configuration, last, so that what broke off can be done again.
void plan_destroyed(Engine& engine, const Guest& guest, Plan& plan);

// A guest that ended by itself is cleaned by the first who sees it, unless a job is at work on it:
// its part in Lodge's networks, then `clean` (vm_clean, ct_clean). What goes wrong is a note.
void clean_if_ended(Engine& engine, int id, void (*clean)(const Host&, int), Sighting& seen);
// "QEMU died: its last line", when the guest's last end was none in order; `died` as it begins.
void note_last_end(const Host& host, int id, std::string_view died, Sighting& seen);
// Whoever looks removes it: what another one removes in between is no trouble. Throws Error.
void remove_run_folder(const Host& host, int id);

}  // namespace lodge
