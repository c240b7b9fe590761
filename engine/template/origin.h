#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/template/catalogue.h"

namespace lodge {

// The hidden file beside a template that says where it came from.
std::string origin_path(const std::string& path);
std::string print_origin(const TemplateOrigin& origin);
std::optional<TemplateOrigin> parse_origin(std::string_view text);

}  // namespace lodge
