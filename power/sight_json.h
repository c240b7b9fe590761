#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/state/power_view.h"
#include "engine/state/views.h"

// The same as JSON, for scripts. What is not known is null.
namespace lodge {

nlohmann::json sensors_json(const std::vector<SensorView>& sensors);
nlohmann::json watts_json(const PowerView& view);
nlohmann::json idle_json(const PowerView& view);
nlohmann::json cost_json(const PowerView& view);
nlohmann::json heat_json(const HeatView& heat);

}  // namespace lodge
