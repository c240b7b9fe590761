#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/values.h"
#include "tui/dialog.h"
#include "tui/form_field.h"

namespace lodge {

// Form is lines of fields to fill in, one of which has the keyboard; it scrolls.
class Form {
  public:
    explicit Form(App& app) : app_(app) {}
    // Begins with the field `at`, "" for the first one.
    void set(std::vector<FormField> fields, std::string_view at = {});
    const std::vector<FormField>& fields() const { return fields_; }
    void draw(Area area, bool active);
    // Enter goes on to the next field and is not taken at the last one.
    bool key(const Key& key);
    bool types() const;
    bool changed() const;
    // Of the field that has the keyboard: what is wrong with it, else what it is for.
    void draw_help(Area area) const;
    int help_height() const { return 2; }
    // The fields that hold something.
    Values values() const;
    const std::string& value(std::string_view name) const;
    // The first thing that is wrong, with the cursor put there; "" when all is right.
    std::string problem();

  private:
    FormField& here() { return fields_[static_cast<size_t>(at_)]; }
    const FormField& here() const { return fields_[static_cast<size_t>(at_)]; }
    void move(int by);
    void take_field();
    void put_value(std::string value);
    void click(int place);
    bool field_key(const Key& key);
    void complete();
    void complete_path_here();
    void step_choice(int by);
    bool step_number(int by);
    void open_list(const std::vector<std::string>& values, const std::vector<std::string>& labels);
    std::string ghost() const;
    void draw_value(const Area& area, int y, const FormField& field, bool at_it) const;
    void draw_field(const Area& area, int y, int place, int labels, bool active) const;

    App& app_;
    std::vector<FormField> fields_;
    std::vector<std::string> initial_;
    TextField field_;
    int at_ = 0, top_ = 0, height_ = 1;
    bool fresh_ = true;    // nothing was typed into the field since it got the keyboard
    bool picked_ = false;  // out of a list: Enter then goes on
};

// A number or size one step further: the step grows with the value. `text` "" begins at `from`.
std::string stepped_number(std::string_view text, int by, std::optional<double> min,
                           std::optional<double> max);
std::string stepped_size(std::string_view text, int by);

// PathEnding is what the names in a folder make of a path that is being typed.
struct PathEnding {
    std::string path;                // as far as it is certain
    std::vector<std::string> names;  // whole paths, folders with "/" at their end
};
PathEnding complete_path(const std::string& typed);
// As text and back; names may hold any byte but zero.
std::string to_text(const PathEnding& ending);
PathEnding path_ending(std::string_view text);

// How a form hears what became of it: "" closes it, words are shown in it. It may come later, and
// when the form is gone nobody hears it.
using FormAnswer = std::function<void(const std::string& wrong)>;
using FormDone = std::function<void(const Values&, const FormAnswer&)>;

// A form in a box. `done` gets the values on Enter at the last field or F10. Esc with changes asks;
// `given_up` is called when it was left.
std::unique_ptr<Dialog> form_dialog(App& app, std::string title, std::vector<FormField> fields,
                                    FormDone done, std::function<void()> given_up = {});

}  // namespace lodge
