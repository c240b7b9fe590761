#pragma once

#include <string>

#include "engine/job.h"
#include "engine/state/views.h"
#include "tui/canvas.h"

namespace lodge {

struct Engine;
class Actions;

// How a job reads in the list and in the details.

Role job_role(JobState state);
// How much of it is done, 0…1; -1 when that is not known.
double job_share(const JobView& job);
// "1.0G of 4.0G  100M/s  30s left", as much as is known.
std::string job_progress_words(const JobView& job);
// "12s": how long it took, or has been at it; "" when not known.
std::string job_took_words(const JobView& job, int64_t now);
// "16:27" today, "02-28 16:27" this year, else "2025-11-20"; in the machine's time zone.
std::string when_words(int64_t then, int64_t now);

// Its steps with what is done and what is at work, why it failed, and what cleaning would do.
std::string job_steps_text(Engine& engine, const JobRecord& record);
std::string job_log_text(const JobRecord& record);
// The plan that ran, as shell.
std::string job_plan_text(const Actions& actions, const JobRecord& record);

}  // namespace lodge
