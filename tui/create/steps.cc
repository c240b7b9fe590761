#include "tui/create/steps.h"

namespace lodge {

void CreateSteps::choose_system(const SystemKind& system) {
    guest_.system = &system;
    list_media();
}

void CreateSteps::list_media() {
    media_ = media_for(shop_, *guest_.system, best_);
}

void CreateSteps::choose_medium(size_t at) {
    at_ = at;
    guest_.from = medium().from;
    guest_.file = medium().file;
    guest_.named_after = medium().name;
}

std::string CreateSteps::take_settings(Values settings) {
    guest_.settings = std::move(settings);
    return settings_problem(guest_);
}

}  // namespace lodge
