// The details' tab of a guest's configuration: every key, edited in forms; several edits are
// collected, then saved at once.
#include <fmt/format.h>

#include "engine/error.h"
#include "engine/text.h"
#include "engine/units.h"
#include "engine/vm/change.h"
#include "tui/app.h"
#include "tui/form.h"
#include "tui/hardware.h"
#include "tui/schema_form.h"
#include "tui/screens/guest_tab.h"
#include "tui/screens/hardware_add.h"
#include "tui/screens/hardware_rows.h"
#include "tui/screens/hardware_save.h"
#include "tui/table.h"

namespace lodge {
namespace {

class HardwareTab : public GuestTab {
  public:
    explicit HardwareTab(App& app)
        : GuestTab(app),
          table_(hardware_columns(), 1),
          saver_(
              app, [this](int guest) -> HardwareEdits& { return edits_[guest]; },
              [this] { update(); }) {}

    void set(int guest) override {
        guest_ = guest;
        update();
    }
    void draw(Area area, bool active) override;
    bool key(const Key& key) override;
    bool takes_all_keys() const override { return table_.types(); }
    std::string unsaved() const override;

  private:
    HardwareEdits& edits() { return edits_[guest_]; }
    const Guest* guest() const {
        const GuestView* view = app_.state().guest(guest_);
        return view ? view->guest.get() : nullptr;
    }
    const HardwareRow* selected() const {
        const auto row = table_.selected();
        return row ? &rows_.at(*row) : nullptr;
    }
    void update();
    bool own_key(const Key& key);
    bool allowed_now();
    void edit(const HardwareRow& row);
    void choose(const HardwareRow& row, const FormField& field);
    void ask_parts(const std::string& key, const Field& field, const std::string& value,
                   bool is_new);
    void wish(const std::string& key, std::optional<std::string> value, const FormAnswer& answer);
    void wish_in_box(const std::string& key, std::optional<std::string> value) {
        wish(key, std::move(value), [this, key](const std::string& wrong) {
            if (!wrong.empty()) app_.trouble(key, wrong);
        });
    }
    void take(const std::string& key, HardwareEdits edits);
    void toggle(const HardwareRow& row);
    void remove(const HardwareRow& row);
    void undo(const HardwareRow& row);
    void add();
    void act_on_disk(std::string_view command, const std::string& key, bool with_options);
    Chosen this_guest(const std::string& key = "") const;
    void draw_below(Area area);

    HardwareRows rows_;
    Table table_;
    int guest_ = 0;
    std::map<int, HardwareEdits> edits_;
    HardwareSaver saver_;
};

std::string HardwareTab::unsaved() const {
    std::string words;
    for (const auto& [id, edits] : edits_)
        if (!edits.empty())
            words += fmt::format("{}{} of {}", words.empty() ? "" : ", ", edits.count(), id);
    return words.empty() ? "" : "changes not saved: " + words;
}

void HardwareTab::update() {
    const Guest* now = guest();
    const bool all = !table_.filter().empty();
    (void)rows_.hide(app_.locked());
    rows_.set(now ? hardware_rows(now->config, edits(), all) : std::vector<HardwareRow>{});
    table_.update(rows_);
}

void HardwareTab::draw(Area area, bool active) {
    if (rows_.hide(app_.locked())) update();
    const int below = 5;
    table_.draw(area.rows(0, std::max(1, area.height() - below)), rows_, app_.glyphs(), active);
    if (area.height() > below) draw_below(area.rows(area.height() - below, below));
}

// What the key under the cursor is for, and what can be done here.
void HardwareTab::draw_below(Area area) {
    const std::string filter = table_.order_words();
    if (!edits().empty())
        area.put(1, 0, unsaved_words(edits()) + ": Ctrl-S saves, u takes one back", Role::warning);
    else
        area.put(1, 0, filter.empty() ? "/ finds every key there is" : filter, Role::dim);
    area.put_right(area.width() - 1, 0, table_.place_words(), Role::dim);
    const HardwareRow* row = selected();
    if (row == nullptr) return;
    std::string words = fmt::format("{}: {}", row->key, row->field->help);
    if (row->field->type != ValueType::property)
        words += fmt::format(" Allowed: {}.", allowed_words(*row->field));
    if (!row->field->fallback.empty()) words += fmt::format(" Usual: {}.", row->field->fallback);
    int y = 1;
    for (const std::string& line : wrapped(words, area.width() - 2)) {
        if (y == area.height() - 1) break;
        area.put(1, y++, line, Role::dim);
    }
    const bool disk = is_disk_key(row->key) && row->now && !is_cdrom_value(row->key, *row->now);
    std::string keys = "Enter Edit  n Add  D Remove";
    if (disk) keys += "  + Larger";
    if (row->edited || row->reverted || row->waits()) keys += "  u Take back";
    keys += "  Ctrl-S Save";
    area.put(1, area.height() - 1, keys, Role::link);
}

bool HardwareTab::key(const Key& key) {
    if (!table_.types() && own_key(key)) return true;
    const bool all = !table_.filter().empty();
    if (!table_.key(key, rows_)) return false;
    if (all != !table_.filter().empty()) update();
    return true;
}

bool HardwareTab::own_key(const Key& key) {
    const auto allowed = [this, &key] {
        return allowed_now() && !app_.refuses([this, key] { (void)own_key(key); });
    };
    const HardwareRow* row = selected();
    const bool leaves = key.is("Esc") || key.is("q") || key.is("F10");
    if (key.is("Ctrl-S") || (key.is("F10") && !edits().empty())) {
        saver_.save(guest_);
    } else if (leaves && !edits().empty() && table_.filter().empty()) {
        saver_.ask_leave(guest_);
    } else if (key.is("n") || key.is("Insert")) {
        if (allowed()) add();
    } else if (row == nullptr) {
        return false;
    } else if (key.is("Enter") || key.is("F4") || key.is("e")) {
        if (allowed()) edit(*row);
    } else if (key.is("Space")) {
        if (allowed()) toggle(*row);
    } else if (key.is("D") || key.is("Delete")) {
        if (allowed()) remove(*row);
    } else if (key.is("u")) {
        undo(*row);
    } else if (key.is("+")) {
        if (allowed()) act_on_disk("disk resize", row->key, false);
    } else {
        return false;
    }
    update();
    return true;
}

bool HardwareTab::allowed_now() {
    if (guest() == nullptr) return false;
    const std::string why = app_.why_not(app_.command("guest set"), this_guest());
    if (!why.empty()) app_.tell(why, Role::warning);
    return why.empty();
}

Chosen HardwareTab::this_guest(const std::string& key) const {
    const Guest* now = guest();
    return now != nullptr ? chosen_part(*now, key) : Chosen{};
}

// Takes a changed value in, unless the engine would refuse it; the answer is why.
void HardwareTab::wish(const std::string& key, std::optional<std::string> value,
                       const FormAnswer& answer) {
    const Guest* now = guest();
    if (now == nullptr) return answer("the guest is gone");
    HardwareEdits trial = edits();
    if (trial.empty()) trial.digest = now->config.digest();
    if (value && value->empty()) value.reset();
    const bool waits = now->config.pending.has(key);
    trial.reverts.erase(key);
    if (!waits && now->config.current.get(key) == value)
        trial.wishes.erase(key);
    else
        trial.wishes[key] = std::move(value);
    if (trial.empty()) {
        take(key, std::move(trial));
        return answer("");
    }
    Values words = trial.words(guest_);
    words.erase("digest");
    app_.wait_for({.title = "Look whether it can be so",
                   .work =
                       [this, words] {
                           (void)app_.command("guest set").plan(app_.engine(), words);
                           return std::string();
                       },
                   .done =
                       [this, key, trial, answer](const std::string&) {
                           take(key, trial);
                           answer("");
                       },
                   .failed = [answer](const Error& error) { answer(error.what()); }});
}

void HardwareTab::take(const std::string& key, HardwareEdits edits) {
    edits_[guest_] = std::move(edits);
    table_.select(key);
    update();
    app_.redraw();
}

// One of few words, without a form around it.
void HardwareTab::choose(const HardwareRow& row, const FormField& field) {
    std::vector<Choice> choices;
    for (size_t i = 0; i < field.choices.size(); ++i)
        choices.push_back({.label = field.labels[i],
                           .help = field.help,
                           .current = field.choices[i] == field.value,
                           .chosen = [this, key = row.key, value = field.choices[i]] {
                               wish_in_box(key, value);
                           }});
    const bool many = choices.size() > 12;
    app_.open(choice_dialog(app_, row.key, std::move(choices), many));
}

void HardwareTab::edit(const HardwareRow& row) {
    const Field& field = *row.field;
    if (row.key.starts_with("unused")) {
        app_.tell("n attaches it again, D deletes it with what is on it");
        return;
    }
    if (field.type == ValueType::property) {
        ask_parts(row.key, field, row.value(), false);
        return;
    }
    const KeyField asked = key_field(row.key, field, row.value());
    if (asked.field.kind == FormField::Kind::choice) {
        choose(row, asked.field);
        return;
    }
    app_.open(form_dialog(
        app_, this_guest(row.key).things[0].name, {asked.field},
        [this, key = row.key, read = asked.read](const Values& words, const FormAnswer& answer) {
            wish(key, read(words.text(key, "")), answer);
        }));
}

// A property string, part by part.
void HardwareTab::ask_parts(const std::string& key, const Field& field, const std::string& value,
                            bool is_new) {
    auto fields = property_fields(key, field, value, hardware_suggestions(app_));
    const std::string title =
        fmt::format("{}{}", is_new ? "Add " : "", this_guest(key).things[0].name);
    app_.open(form_dialog(
        app_, title, fields,
        [this, key, value, asked = fields, &field](const Values& said, const FormAnswer& answer) {
            wish(key, property_said(field, value, asked, said), answer);
        }));
}

void HardwareTab::toggle(const HardwareRow& row) {
    if (row.field->type != ValueType::boolean) {
        app_.tell("Space switches what is yes or no; Enter edits");
        return;
    }
    const std::string value = row.value();
    const bool now = parse_boolean(value.empty() ? row.field->fallback : value).value_or(false);
    wish(row.key, now ? "0" : "1", [this](const std::string& wrong) {
        if (!wrong.empty()) app_.tell(wrong, Role::warning);
    });
}

// What the commands of disks do is done at once: edits of a file that they change come first.
void HardwareTab::act_on_disk(std::string_view command, const std::string& key, bool with_options) {
    if (!key.empty() && !is_disk_key(key) && !key.starts_with("unused")) {
        app_.tell("only a disk can be made larger; Enter edits");
        return;
    }
    if (!edits().empty()) {
        app_.tell("save or take back the other changes first: Ctrl-S saves", Role::warning);
        return;
    }
    app_.act(app_.command(command), this_guest(key), with_options);
}

void HardwareTab::remove(const HardwareRow& row) {
    const std::string key = row.key;
    const bool there = row.now || row.waiting || (row.edited && row.wish);
    if (!there) {
        app_.tell(fmt::format("{} holds nothing", key));
        return;
    }
    if (key.starts_with("unused")) {
        act_on_disk("disk delete", key, false);
        return;
    }
    const bool disk = row.now && is_disk_key(key) && !is_cdrom_value(key, *row.now) &&
                      !volume_of(*row.now).empty();
    std::vector<Choice> choices = {{.label = "Keep " + key, .key = "Esc"}};
    if (disk) {
        choices.push_back({.label = "Detach it: its volume stays, as an unused one",
                           .key = "d",
                           .chosen = [this, key] { act_on_disk("disk detach", key, false); }});
        choices.push_back({.label = "Delete it with what is on it",
                           .key = "D",
                           .chosen = [this, key] { act_on_disk("disk delete", key, false); }});
    } else {
        choices.push_back({.label = "Remove " + key,
                           .key = "r",
                           .help = "Ctrl-S then saves it; u takes it back until then.",
                           .chosen = [this, key] { wish_in_box(key, std::nullopt); }});
    }
    app_.open(choice_dialog(app_, this_guest(key).things[0].name, std::move(choices), false));
}

// An edit, or else what waits for the next start.
void HardwareTab::undo(const HardwareRow& row) {
    HardwareEdits& now = edits();
    const Guest* one = guest();
    if (row.edited) {
        now.wishes.erase(row.key);
    } else if (row.reverted) {
        now.reverts.erase(row.key);
    } else if (row.waits() && one != nullptr && allowed_now()) {
        if (now.empty()) now.digest = one->config.digest();
        now.reverts.insert(row.key);
    } else {
        app_.tell(fmt::format("{} is as it was", row.key));
    }
}

void HardwareTab::add() {
    const Guest& now = *guest();
    std::vector<Choice> choices;
    for (const HardwareAddition& one : hardware_additions(now.config.schema())) {
        Choice choice{.label = std::string(one.label), .help = std::string(one.help)};
        if (!one.command.empty()) {
            choice.chosen = [this, &one] { act_on_disk(one.command, "", true); };
        } else {
            const std::string key = key_for_addition(one, now.config, edits());
            if (key.empty()) choice.note = "there is no room for one more";
            choice.chosen = [this, &one, key] {
                if (const Guest* guest_now = guest())
                    ask_parts(key, *guest_now->config.schema().find(key),
                              value_for_addition(one, key, guest_now->config.schema(), app_), true);
            };
        }
        choices.push_back(std::move(choice));
    }
    choices.push_back({.label = "Another key",
                       .help = "The list of all of them; a word narrows it.",
                       .chosen = [this] {
                           table_.key(Key{.name = "/"}, rows_);
                           app_.tell("type a part of the key or of what it does, then Enter");
                       }});
    app_.open(choice_dialog(app_, "Add to " + guest_words(now), std::move(choices), false));
}

}  // namespace

std::unique_ptr<GuestTab> make_hardware_tab(App& app) {
    return std::make_unique<HardwareTab>(app);
}

}  // namespace lodge
