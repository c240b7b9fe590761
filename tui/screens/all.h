#pragma once

#include <vector>

#include "tui/screen.h"
#include "tui/standing.h"

namespace lodge {

// One file a screen; all.cc is the table of them.
std::unique_ptr<Screen> make_guests_screen(App& app);
std::unique_ptr<Screen> make_power_screen(App& app);
std::unique_ptr<Screen> make_devices_screen(App& app);
std::unique_ptr<Screen> make_storage_screen(App& app);
std::unique_ptr<Screen> make_network_screen(App& app);
std::unique_ptr<Screen> make_jobs_screen(App& app);
std::unique_ptr<Screen> make_host_screen(App& app);

// What stands over all of them while it lasts.
std::vector<Standing> trials_standing(App& app);
std::vector<Standing> boot_standing(App& app);  // tui/boot_standing.cc

}  // namespace lodge
