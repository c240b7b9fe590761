#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/values.h"

namespace lodge {

// FormField is one line of a form.
struct FormField {
    enum class Kind { text, number, size, flag, choice, secret, path, heading };
    std::string name = {};   // in the Values that come out
    std::string label = {};  // before it
    std::string help = {};   // below the form while it has the keyboard
    std::string keys = {};   // behind that: what keys do there
    Kind kind = Kind::text;
    std::string value = {};                 // "1" or "" for a flag
    std::vector<std::string> choices = {};  // of a choice; suggestions of a text
    std::vector<std::string> labels = {};   // how the choices read, when not as they are
    std::string fallback = {};              // what counts while nothing is said; shown dim
    bool needed = false;
    std::optional<double> min = {}, max = {};  // of a number
    // What is wrong with a value, "" when nothing is. Not asked for an empty one.
    std::function<std::string(const std::string&)> problem = {};
    // Words beside the value: "of 4", "22G free".
    std::function<std::string(const std::string&)> note = {};

    // As a person reads it: the choice's label.
    const std::string& shown() const;
};

// What is wrong with what it holds now; "" when nothing is, or when it holds nothing.
std::string problem_of(const FormField& field);
// The fields that hold something.
Values values_of(const std::vector<FormField>& fields);

}  // namespace lodge
