#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "engine/fd.h"
#include "engine/plan.h"
#include "engine/process.h"

// The process of a guest of any kind that is to end: held, waited for, forgotten.

namespace lodge {

// Held is a process that cannot become another one while we have it: every signal goes through its
// pidfd, which was compared with the process after it was opened.
struct Held {
    ProcessId process;
    Fd pidfd;
};
// nullopt when there is none any more.
std::optional<Held> hold(const Host& host, const std::optional<ProcessId>& process);

// Waits for the end and tells how long it has been; false when the time is over. Throws when the
// person does not want to wait any longer. `again` is done every ten seconds, and in a shorter wait
// more often.
bool wait_telling(Work& work, const Held& held, std::chrono::seconds limit,
                  const std::function<void()>& again = {});
// A child of ours (a start that is taken back) would stay as a zombie.
void reap(const Held& held);
// The guest is gone because Lodge wanted it: nothing to keep as its last words.
void forget(const Host& host, const Held& held, int id);
// What the kernel says that a killed process waits for: throws Error in words.
[[noreturn]] void fail_unkillable(const Held& held, const std::string& name);

// What the verbs of a guest's end work on: its number, and how messages name it.
int guest_on(const Values& on);
std::string name_on(const Values& on);

}  // namespace lodge
