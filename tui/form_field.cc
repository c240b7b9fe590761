#include "tui/form_field.h"

#include <algorithm>

namespace lodge {

const std::string& FormField::shown() const {
    const auto found = std::find(choices.begin(), choices.end(), value);
    const auto place = static_cast<size_t>(found - choices.begin());
    return found != choices.end() && place < labels.size() ? labels[place] : value;
}

std::string problem_of(const FormField& field) {
    if (field.kind == FormField::Kind::heading || field.value.empty() || !field.problem) return "";
    return field.problem(field.value);
}

Values values_of(const std::vector<FormField>& fields) {
    Values values;
    for (const FormField& field : fields)
        if (field.kind != FormField::Kind::heading && !field.value.empty())
            values.set({field.name, field.value});
    return values;
}

}  // namespace lodge
