#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/schema.h"
#include "tui/form.h"

namespace lodge {

// What a key (part "") or a part of a property key could be besides what its schema says: the
// bridges there are, the volumes.
using Suggestions =
    std::function<std::vector<std::string>(std::string_view key, std::string_view part)>;

// One field of a schema as a line of a form, named `name`.
FormField schema_field(const Field& field, std::string name, std::string value);

// KeyField is a plain key as a line of a form, and how what was typed becomes its value.
struct KeyField {
    FormField field;
    std::string (*read)(const std::string& typed);
};
KeyField key_field(const std::string& key, const Field& field, const std::string& value);

// A property string as a form of its parts: those that matter most and those that are set first.
// The size of a disk is not among them: its volume decides.
std::vector<FormField> property_fields(std::string_view key, const Field& field,
                                       const std::string& value, const Suggestions& suggestions);
// The property string that the form says; what it did not ask for stays as in `before`.
std::string property_said(const Field& field, const std::string& before,
                          const std::vector<FormField>& asked, const Values& said);

// Lines of a text as one line, and back: "\n" stands for a line's end, "\\" for a backslash.
std::string lines_as_one(std::string_view text);
std::string one_as_lines(std::string_view text);

}  // namespace lodge
