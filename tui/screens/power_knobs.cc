#include "tui/screens/power_knobs.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/engine.h"
#include "engine/text.h"
#include "engine/wrap.h"
#include "power/missing.h"
#include "tui/app.h"

namespace lodge {
namespace {

enum Shown : size_t { of_group, label, place, value, better, state };

const std::vector<Column> columns = {
    {.title = "GROUP", .width = 10, .rank = 2},
    {.title = "KNOB", .width = 18, .grow = 1},
    {.title = "WHERE", .width = 12, .grow = 2, .rank = 1},
    {.title = "VALUE", .width = 14, .grow = 1},
    {.title = "BETTER", .width = 12, .rank = 3},
    {.title = "STATE", .width = 15},
};

Role role_of(KnobState of) {
    switch (of) {
        case KnobState::good:
            return Role::good;
        case KnobState::could_be_better:
            return Role::warning;
        case KnobState::held:
            return Role::dim;
        case KnobState::neutral:
            break;
    }
    return Role::normal;
}

}  // namespace

// KnobRows is the knobs as the table asks for them, in the order of the table of knobs.
class KnobList::KnobRows : public Rows {
  public:
    explicit KnobRows(const std::vector<Knob>& knobs) : knobs_(knobs) {}
    size_t count() const override { return knobs_.size(); }
    std::string id(size_t row) const override { return knobs_[row].name(); }
    TableCell cell(size_t row, size_t column) const override {
        const Knob& knob = knobs_[row];
        switch (column) {
            case of_group:
                return {std::string(knob.kind->group), Role::dim};
            case label:
                return {std::string(knob.kind->label), Role::strong};
            case place:
                return {knob.device.empty() ? knob.place : knob.device + " " + knob.place, {}};
            case value:
                return {knob.value, {}};
            case better:
                return {knob.state == KnobState::could_be_better ? knob.thrifty : "", {}};
            default:
                return {std::string(knob_state_word(knob.state)), role_of(knob.state)};
        }
    }
    std::optional<double> number(size_t row, size_t column) const override {
        return column == of_group ? std::optional(static_cast<double>(row)) : std::nullopt;
    }
    std::string words(size_t row) const override {
        const Knob& knob = knobs_[row];
        return fmt::format("{} {} {} {} {}", knob.kind->group, knob.kind->label, knob.name(),
                           knob.device, knob_state_word(knob.state));
    }

  private:
    const std::vector<Knob>& knobs_;
};

KnobList::KnobList(App& app) : app_(app), table_(columns, of_group) {}

// Nothing tells when a knob was turned by somebody else: each ten seconds, and when a job ended.
void KnobList::look() {
    constexpr int64_t seconds = 10;
    const uint64_t jobs = app_.state().generation(State::Part::jobs);
    const int64_t now = app_.engine().host.now_seconds();
    if (read_ != 0 && jobs == jobs_ && now < read_ + seconds) return;
    knobs_ = find_knobs(app_.engine().host);
    missing_ = missing_words(app_.engine().host, knobs_);
    jobs_ = jobs;
    read_ = now;
    app_.redraw();
}

const Knob* KnobList::selected() const {
    const auto row = table_.selected();
    return row && *row < knobs_.size() ? &knobs_[*row] : nullptr;
}

void KnobList::draw_about(const Area& area, const Knob& knob) const {
    area.put(1, 0, knob.name(), Role::heading);
    std::string words = std::string(knob.kind->what) + " Takes " + allowed_words(knob) + ".";
    if (!knob.kind->saving.empty()) words += fmt::format(" Saves: {}", knob.kind->saving);
    if (!knob.held.empty()) words += " Held: " + knob.held + ".";
    if (!knob.caution.empty()) words += " Care: " + knob.caution + ".";
    if (!knob.kind->breaks.empty()) words += fmt::format(" May break: {}", knob.kind->breaks);
    int y = 1;
    for (const std::string& line : wrapped(printable(words), area.width() - 2)) {
        if (y >= area.height()) return;
        area.put(1, y++, line);
    }
}

int KnobList::draw_missing(const Area& area) const {
    std::vector<std::string> lines;
    for (const std::string& one : missing_)
        for (std::string& line : wrapped(printable(one), area.width() - 2))
            lines.push_back(std::move(line));
    // On a small screen a list to choose from is worth more.
    const int room = knobs_.empty() ? area.height() - 1 : std::max(0, area.height() / 2 - 6);
    const int count = std::min(static_cast<int>(lines.size()), room);
    for (int i = 0; i < count; ++i)
        area.put(1, area.height() - count + i, lines[static_cast<size_t>(i)], Role::dim);
    return count;
}

void KnobList::draw(const Area& whole) {
    const KnobRows rows(knobs_);
    table_.update(rows);
    const Area area = whole.rows(0, whole.height() - draw_missing(whole));
    if (knobs_.empty()) {
        area.put(1, 0, "nothing can be tuned on this machine", Role::dim);
        return;
    }
    const int about = area.height() >= 12 ? std::min(8, area.height() / 3) : 0;
    table_.draw(area.rows(0, area.height() - about), rows, app_.glyphs(), true);
    if (const Knob* knob = selected(); knob && about > 0)
        draw_about(area.rows(area.height() - about, about), *knob);
}

bool KnobList::key(const Key& key) {
    const KnobRows rows(knobs_);
    table_.update(rows);
    if (!table_.types() && key.is("Enter")) {
        if (const Knob* knob = selected()) ask_value(*knob);
        return true;
    }
    return table_.key(key, rows);
}

Chosen KnobList::chosen() const {
    Chosen chosen{"power", {}};
    if (const Knob* knob = selected())
        chosen.things.push_back({{{"knob", knob->name()}}, knob->name(), knob->name()});
    return chosen;
}

void KnobList::set(const std::string& knob, const std::string& value) {
    const std::string setting = knob + "=" + value;
    app_.carry_out(app_.command("power set"),
                   {{{{"setting", std::vector<std::string>{setting}}}, knob, knob}});
}

void KnobList::ask_value(const Knob& knob) {
    if (!knob.held.empty()) {
        app_.trouble(knob.name(), "It cannot be changed: " + knob.held + ".");
        return;
    }
    const std::string name = knob.name();
    if (knob.allowed.empty()) {
        FormField field;
        field.name = "value";
        field.label = std::string(knob.kind->label);
        field.help = allowed_words(knob);
        field.value = knob.value;
        field.needed = true;
        field.problem = [knob](const std::string& wished) { return why_not_value(knob, wished); };
        app_.open(form_dialog(app_, name, {field},
                              [this, name](const Values& values, const FormAnswer& answer) {
                                  answer("");
                                  set(name, values.text("value"));
                              }));
        return;
    }
    std::vector<Choice> choices;
    for (const std::string& one : knob.allowed) {
        Choice choice;
        choice.label = one;
        if (one == knob.thrifty) choice.key = "saves power";
        choice.help = std::string(knob.kind->what);
        choice.current = one == knob.value;
        choice.chosen = [this, name, one] { set(name, one); };
        choices.push_back(std::move(choice));
    }
    app_.open(choice_dialog(app_, name, std::move(choices), false));
}

}  // namespace lodge
