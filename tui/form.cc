#include "tui/form.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/text.h"
#include "engine/units.h"
#include "tui/app.h"
#include "tui/moving.h"

namespace lodge {
namespace {

// A list that is longer than this is narrowed by typing.
constexpr size_t long_list = 12;

bool is_typed(FormField::Kind kind) {
    return kind != FormField::Kind::flag && kind != FormField::Kind::choice &&
           kind != FormField::Kind::heading;
}

bool is_short(FormField::Kind kind) {
    return kind == FormField::Kind::number || kind == FormField::Kind::size;
}

}  // namespace

void Form::set(std::vector<FormField> fields, std::string_view at) {
    fields_ = std::move(fields);
    at_ = top_ = 0;
    initial_.clear();
    for (const FormField& field : fields_)
        initial_.push_back(field.value);
    for (size_t i = 0; i < fields_.size() && !at.empty(); ++i)
        if (fields_[i].name == at) at_ = static_cast<int>(i);
    move(0);
}

bool Form::changed() const {
    for (size_t i = 0; i < fields_.size(); ++i)
        if (fields_[i].value != initial_[i]) return true;
    return false;
}

void Form::take_field() {
    picked_ = false;
    fresh_ = true;
    if (at_ < static_cast<int>(fields_.size())) field_.set(here().value);
}

void Form::put_value(std::string value) {
    here().value = std::move(value);
    take_field();
}

void Form::move(int by) {
    const int count = static_cast<int>(fields_.size());
    if (count == 0) return;
    const int step = by < 0 ? -1 : 1;
    int next = std::clamp(at_ + by, 0, count - 1);
    while (next >= 0 && next < count &&
           fields_[static_cast<size_t>(next)].kind == FormField::Kind::heading)
        next += step;
    if (next >= 0 && next < count) at_ = next;
    // A heading above the first field comes into sight with it.
    if (by < 0 && at_ > 0 && fields_[static_cast<size_t>(at_ - 1)].kind == FormField::Kind::heading)
        top_ = std::min(top_, at_ - 1);
    take_field();
}

bool Form::types() const {
    return !fields_.empty() && is_typed(here().kind);
}

void Form::step_choice(int by) {
    const FormField& field = here();
    if (field.choices.empty()) return;
    const auto now = std::find(field.choices.begin(), field.choices.end(), field.value);
    const int count = static_cast<int>(field.choices.size());
    const int place = now == field.choices.end() ? (by > 0 ? -1 : 0)
                                                 : static_cast<int>(now - field.choices.begin());
    put_value(field.choices[static_cast<size_t>((place + by + count) % count)]);
}

bool Form::step_number(int by) {
    const FormField& field = here();
    const std::string& from = field.value.empty() ? field.fallback : field.value;
    std::string next = field.kind == FormField::Kind::size
                           ? stepped_size(from, by)
                           : stepped_number(from, by, field.min, field.max);
    if (next.empty()) return false;
    put_value(std::move(next));
    return true;
}

void Form::open_list(const std::vector<std::string>& values,
                     const std::vector<std::string>& labels) {
    std::vector<Choice> choices;
    for (size_t i = 0; i < values.size(); ++i)
        choices.push_back({.label = i < labels.size() ? labels[i] : values[i],
                           .current = values[i] == here().value,
                           .chosen = [this, value = values[i]] {
                               put_value(value);
                               if (!value.ends_with('/')) move(1);
                               picked_ = true;
                           }});
    if (choices.empty()) return;
    app_.open(choice_dialog(app_, here().label, std::move(choices), values.size() > long_list));
}

// Tab completes what is being typed: a path by the names in its folder, a text by what is
// suggested. When there is nothing more to say it goes on to the next field.
void Form::complete() {
    if (here().kind == FormField::Kind::path && !here().value.empty()) {
        complete_path_here();
        return;
    }
    const std::string rest = ghost();
    if (rest.empty())
        move(1);
    else
        put_value(here().value + rest);
}

// The folder may be on a mount that does not answer. What lies on the disk is not for everybody who
// stands before a locked console.
void Form::complete_path_here() {
    const auto complete = [this] {
        app_.wait_for({.title = "Names in the folder",
                       .work = [typed = here().value] { return to_text(complete_path(typed)); },
                       .done =
                           [this](const std::string& text) {
                               const PathEnding ending = path_ending(text);
                               if (ending.path != here().value)
                                   put_value(ending.path);
                               else if (ending.names.size() > 1)
                                   open_list(ending.names, {});
                               else
                                   move(1);
                           }});
    };
    if (!app_.locked() || !app_.refuses(complete)) complete();
}

// The rest of the first suggestion that begins with what was typed.
std::string Form::ghost() const {
    const FormField& field = here();
    if (!is_typed(field.kind) || field.value.empty()) return "";
    for (const std::string& one : field.choices)
        if (one.size() > field.value.size() && one.starts_with(field.value))
            return one.substr(field.value.size());
    return "";
}

bool Form::field_key(const Key& key) {
    using Kind = FormField::Kind;
    const Kind kind = here().kind;
    if (kind == Kind::flag) {
        if (!key.is("Space") && !key.is("Left") && !key.is("Right")) return false;
        put_value(here().value == "1" ? "" : "1");
    } else if (kind == Kind::choice) {
        if (key.is("Left"))
            step_choice(-1);
        else if (key.is("Right"))
            step_choice(1);
        else if (key.is("Space") || key.is("F4") ||
                 (key.is("Enter") && !picked_ && here().choices.size() > 1))
            open_list(here().choices, here().labels);
        else
            return false;
    } else if (is_short(kind) && (key.is("+") || key.is("-"))) {
        return step_number(key.is("+") ? 1 : -1);
    } else if (key.is("F4") && !here().choices.empty()) {
        open_list(here().choices, here().labels);
    } else if (types()) {
        // A number is replaced by the first one typed, not made longer.
        if (fresh_ && is_short(kind) && !key.typed().empty()) field_.set("");
        if (!field_.key(key)) return false;
        fresh_ = false;
        here().value = field_.text();
    } else {
        return false;
    }
    return true;
}

// A click chooses a field; on the one that has the keyboard already it does what Enter would.
void Form::click(int place) {
    const bool again = place == at_;
    at_ = std::clamp(place, 0, static_cast<int>(fields_.size()) - 1);
    move(0);
    if (here().kind == FormField::Kind::flag) put_value(here().value == "1" ? "" : "1");
    if (again && here().kind == FormField::Kind::choice) open_list(here().choices, here().labels);
}

bool Form::key(const Key& key) {
    if (fields_.empty()) return false;
    const bool ends = key.is("Home") || key.is("End");  // of the text that is typed
    const auto lines = lines_moved(key, {.page = height_ + 1, .wheel = 1, .letters = false});
    if (lines && !ends) {
        move(*lines);
    } else if (key.is("BackTab")) {
        move(-1);
    } else if (key.is("Tab")) {
        complete();
    } else if (key.is("Row")) {
        click(key.y);
    } else if (field_key(key)) {
        return true;
    } else if (key.is("Enter")) {
        const int before = at_;
        move(1);
        return at_ != before;
    } else {
        return false;
    }
    return true;
}

void Form::draw_value(const Area& area, int y, const FormField& field, bool at_it) const {
    using Kind = FormField::Kind;
    const Glyphs& glyphs = app_.glyphs();
    const Paint paint = at_it ? Role::selected : Role::field;
    const std::string note = field.note ? field.note(field.value) : "";
    int x = 0;
    if (field.kind == Kind::flag) {
        x = area.put(0, y, field.value == "1" ? "[x]" : "[ ]", paint);
        if (at_it) area.cursor(1, y);
    } else if (field.kind == Kind::choice) {
        const std::string shown = fit_text(printable(field.shown()), area.width() - 4);
        x = area.put(0, y, at_it ? fmt::format("< {} >", shown) : shown, paint);
        if (at_it) area.cursor(0, y);
    } else {
        const int room = std::max(12, area.width() - (note.empty() ? 0 : text_width(note) + 1));
        const int width = std::min({room, area.width(), is_short(field.kind) ? 12 : 48});
        TextField shown = at_it ? field_ : TextField(field.value);
        shown.hide(field.kind == Kind::secret);
        shown.draw(area, 0, y, width, at_it);
        const std::string faint = field.value.empty() ? field.fallback : at_it ? ghost() : "";
        const int from = text_width(printable(field.value));
        if (from < width - 1)
            area.part(0, y, width, 1).put(from, 0, faint, Paint(Role::field, Paint::faint));
        x = width;
    }
    const std::string wrong = problem_of(field);
    if (!wrong.empty()) {
        // Where it does not fit it stands below the form.
        const bool fits = x + 3 + text_width(wrong) <= area.width();
        area.put(x + 1, y, fits ? "! " + wrong : "!", Role::warning);
    } else if (!note.empty()) {
        area.put(x + 1, y, note, Role::dim);
    } else if (at_it && is_typed(field.kind) && !field.choices.empty() && x + 9 < area.width()) {
        x = area.put(x + 1, y, "F4", Role::link);
        area.set(x + 1, y, Cell{glyphs.down, 0, 1, Role::link});
    }
}

void Form::draw_field(const Area& area, int y, int place, int labels, bool active) const {
    const FormField& field = fields_[static_cast<size_t>(place)];
    const bool at_it = active && place == at_;
    if (field.kind == FormField::Kind::heading) {
        area.put(0, y, field.label, Role::heading);
        return;
    }
    if (at_it) area.set(0, y, Cell{app_.glyphs().cursor, 0, 1, Role::link});
    area.part(2, y, labels, 1).put(0, 0, field.label, at_it ? Role::strong : Role::normal);
    area.hit(0, y, area.width(), 1, Key{.name = "Row", .y = place});
    draw_value(area.part(labels + 4, 0, area.width() - labels - 5, area.height()), y, field, at_it);
}

void Form::draw(Area area, bool active) {
    int labels = 0;
    for (const FormField& field : fields_)
        if (field.kind != FormField::Kind::heading)
            labels = std::max(labels, text_width(printable(field.label)));
    labels = std::min(labels, area.width() / 2);
    const int count = static_cast<int>(fields_.size());
    height_ = std::max(1, area.height());
    top_ = std::clamp(top_, std::max(0, at_ - height_ + 1), std::max(0, at_));
    top_ = std::min(top_, std::max(0, count - height_));
    for (int y = 0; y < height_ && top_ + y < count; ++y)
        draw_field(area, y, top_ + y, labels, active);
    // There is more above or below.
    const Glyphs& glyphs = app_.glyphs();
    if (top_ > 0) area.set(area.width() - 1, 0, Cell{glyphs.up, 0, 1, Role::link});
    if (top_ + height_ < count)
        area.set(area.width() - 1, height_ - 1, Cell{glyphs.down, 0, 1, Role::link});
}

void Form::draw_help(Area area) const {
    if (fields_.empty()) return;
    const std::string wrong = problem_of(here());
    const std::string help = here().help + (here().keys.empty() ? "" : " " + here().keys);
    int y = 0;
    for (const std::string& line : wrapped(printable(wrong.empty() ? help : wrong), area.width())) {
        if (y == area.height()) return;
        area.put(0, y++, line, wrong.empty() ? Role::dim : Role::warning);
    }
}

Values Form::values() const {
    return values_of(fields_);
}

const std::string& Form::value(std::string_view name) const {
    static const std::string none;
    for (const FormField& field : fields_)
        if (field.name == name) return field.value;
    return none;
}

std::string Form::problem() {
    for (size_t i = 0; i < fields_.size(); ++i) {
        const FormField& field = fields_[i];
        std::string words;
        if (field.needed && field.value.empty())
            words = field.label + " is needed";
        else
            words = problem_of(field);
        if (words.empty()) continue;
        at_ = static_cast<int>(i);
        take_field();
        return words;
    }
    return "";
}

}  // namespace lodge
