#include "tui/screens/create_wizard.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/error.h"
#include "engine/text.h"
#include "engine/units.h"
#include "tui/app.h"
#include "tui/moving.h"
#include "tui/screens/create_choices.h"

namespace lodge {
namespace {

// The list of a page: a line is chosen with Enter.
class PickList {
  public:
    struct Line {
        std::string label, note, help;
    };
    void set(std::vector<Line> lines, size_t at) {
        lines_ = std::move(lines);
        at_ = static_cast<int>(at);
        top_ = 0;
    }
    size_t at() const { return static_cast<size_t>(at_); }
    void go_to(size_t at) { at_ = static_cast<int>(std::min(at, lines_.size() - 1)); }
    const std::string& help() const { return lines_[at()].help; }

    // Whether it had a use for the key; Enter, and a click, choose.
    bool key(const Key& key, bool& chosen) {
        const int last = static_cast<int>(lines_.size()) - 1;
        int next = at_;
        if (const auto lines = lines_moved(key, {.page = height_, .wheel = 1}))
            next = std::clamp(at_ + *lines, 0, last);
        else if (key.is("BackTab") || key.is("Tab"))
            next += key.is("Tab") ? 1 : -1;
        else if (key.is("Row"))
            next = key.y;
        else if (!key.is("Enter") && !key.is("Right"))
            return false;
        chosen = key.is("Enter") || key.is("Right") || key.is("Row");
        at_ = std::clamp(next, 0, last);
        return true;
    }

    void draw(Area area, const Glyphs& glyphs) {
        height_ = std::max(1, area.height());
        const int count = static_cast<int>(lines_.size());
        top_ = std::clamp(top_, std::max(0, at_ - height_ + 1), at_);
        int notes = 0;
        for (const Line& line : lines_)
            notes = std::max(notes, text_width(printable(line.note)));
        notes = std::min(notes, area.width() / 2);
        for (int y = 0; y < height_ && top_ + y < count; ++y) {
            const Line& line = lines_[static_cast<size_t>(top_) + static_cast<size_t>(y)];
            const bool here = top_ + y == at_;
            const Area row = area.row(y);
            if (here) {
                row.fill(Role::selected);
                row.set(0, 0, Cell{glyphs.cursor, 0, 1, Role::selected});
                row.cursor(0, 0, false);
            }
            row.part(2, 0, row.width() - notes - 5, 1)
                .put(0, 0, line.label, here ? Role::selected : Role::normal);
            row.part(row.width() - notes - 2, 0, notes, 1)
                .put(0, 0, line.note, here ? Role::selected : Role::dim);
            row.hit(0, 0, row.width(), 1, Key{.name = "Row", .y = top_ + y});
        }
        if (top_ > 0) area.set(area.width() - 1, 0, Cell{glyphs.up, 0, 1, Role::link});
        if (top_ + height_ < count)
            area.set(area.width() - 1, height_ - 1, Cell{glyphs.down, 0, 1, Role::link});
    }

  private:
    std::vector<Line> lines_;
    int at_ = 0, top_ = 0, height_ = 1;
};

class CreateWizard : public Dialog {
  public:
    explicit CreateWizard(App& app) : Dialog(app), file_(app), settings_(app) {
        std::vector<PickList::Line> lines;
        for (const SystemKind& kind : system_kinds())
            lines.push_back({std::string(kind.label), "", std::string(kind.hardware)});
        systems_.set(std::move(lines), 0);
    }

    void draw(Area whole) override;
    void seen() override;
    void key(const Key& key) override;
    bool types() const override {
        return (page_ == Page::file && file_.types()) ||
               (page_ == Page::settings && settings_.types());
    }

  private:
    enum class Page { system, medium, file, settings, review };

    void draw_steps(Area area) const;
    void draw_review(Area area) const;
    std::string_view keys() const;
    void back();
    void leave();
    void next();
    void choose_medium();
    void list_media();
    void ask_servers();
    void take_file();
    void ask_settings();
    void look_at_it();
    void create();

    Page page_ = Page::system;
    PickList systems_, media_list_;
    std::vector<Medium> media_;
    Form file_, settings_;
    NewGuest guest_;
    std::string filed_for_;  // the line of media that the file was asked for
    std::string asked_for_;  // what the settings were made for: they stay while that stays
    std::string wrong_;
    bool asked_servers_ = false;  // and nothing of what they have was seen yet
    Plan plan_;
};

std::string_view CreateWizard::keys() const {
    switch (page_) {
        case Page::system:
            return "Enter Next  Esc Cancel";
        case Page::review:
            return wrong_.empty() ? "Enter Create  F2 Plan  Esc Back" : "Esc Back";
        case Page::medium:
            return "Enter Next  Esc Back";
        default:
            return "F10 Next  Esc Back";
    }
}

// Where one is: "System > From > Settings > Review".
void CreateWizard::draw_steps(Area area) const {
    struct Step {
        std::string_view words;
        Page page;
    };
    static constexpr Step steps[] = {{"System", Page::system},
                                     {"From", Page::medium},
                                     {"Settings", Page::settings},
                                     {"Review", Page::review}};
    const Page now = page_ == Page::file ? Page::medium : page_;
    int x = 0;
    for (const Step& step : steps) {
        if (x > 0) x = area.put(x, 0, " > ", Role::dim);
        x = area.put(x, 0, step.words,
                     step.page == now  ? Role::selected
                     : step.page < now ? Role::strong
                                       : Role::dim);
    }
}

void CreateWizard::draw(Area whole) {
    const Area inside = draw_box(app_, whole, std::min(76, whole.width() - 4),
                                 std::min(18, whole.height() - 4), "New guest", keys());
    const int width = inside.width() - 2;
    draw_steps(inside.part(1, 0, width, 1));
    const Area page = inside.part(1, 2, width, inside.height() - 5);
    const Area help = inside.part(1, inside.height() - 2, width, 2);
    std::string words;
    switch (page_) {
        case Page::system:
            systems_.draw(page, app_.glyphs());
            words = systems_.help();
            break;
        case Page::medium:
            media_list_.draw(page, app_.glyphs());
            words = media_list_.help();
            break;
        case Page::file:
            file_.draw(page, true);
            if (wrong_.empty()) file_.draw_help(help);
            break;
        case Page::settings:
            settings_.draw(page, true);
            if (wrong_.empty()) settings_.draw_help(help);
            break;
        case Page::review:
            draw_review(page);
            break;
    }
    int y = 0;
    for (const std::string& line :
         wrapped(printable(wrong_.empty() ? words : wrong_), help.width()))
        help.put(0, y++, line, wrong_.empty() ? Role::dim : Role::warning);
}

void CreateWizard::draw_review(Area area) const {
    int y = 0;
    for (const auto& [name, words] : guest_lines(guest_)) {
        area.put(1, y, name, Role::heading);
        area.put(11, y++, words);
    }
    ++y;
    for (const std::string& warning : plan_.warnings)
        for (const std::string& line : wrapped(printable(warning), area.width() - 1))
            area.put(1, y++, line, Role::warning);
    for (const Step& step : plan_.steps) {
        if (y == area.height() - 1 && &step != &plan_.steps.back()) {
            area.put(1, y++, "... F2 shows all steps", Role::dim);
            break;
        }
        area.put(1, y++, "- " + step.why, Role::dim);
    }
}

void CreateWizard::key(const Key& key) {
    if (page_ != Page::review) wrong_.clear();
    bool chosen = false;
    if (key.is("Esc")) {
        back();
        return;
    }
    if (page_ == Page::system || page_ == Page::medium) {
        PickList& list = page_ == Page::system ? systems_ : media_list_;
        if (list.key(key, chosen)) {
            if (chosen) next();
        } else if (key.is("Left") || key.is("q")) {
            back();
        } else if (key.is("F10")) {
            next();
        }
    } else if (page_ == Page::review) {
        if (key.is("F2") || key.is("p"))
            app_.open(text_dialog(app_, "Plan: " + plan_.title,
                                  plan_as_shell(plan_, app_.engine().actions)));
        else if (key.is("Left") || key.is("q"))
            back();
        else if (key.is("Enter") || key.is("F10") || key.is("y"))
            next();
    } else {
        Form& form = page_ == Page::file ? file_ : settings_;
        if (key.is("F10") || key.is("Ctrl-S") || (!form.key(key) && key.is("Enter"))) next();
    }
}

void CreateWizard::back() {
    wrong_.clear();
    switch (page_) {
        case Page::system:
            leave();
            return;
        case Page::medium:
            page_ = Page::system;
            return;
        case Page::file:
            page_ = Page::medium;
            return;
        case Page::settings:
            page_ = media_[media_list_.at()].asks_file ? Page::file : Page::medium;
            return;
        case Page::review:
            page_ = Page::settings;
            return;
    }
}

void CreateWizard::leave() {
    if (!settings_.changed()) {
        close();
        return;
    }
    app_.open(choice_dialog(app_, "What was typed",
                            {{.label = "Keep editing", .key = "Esc"},
                             {.label = "Discard", .key = "d", .chosen = [this] { close(); }}},
                            false));
}

void CreateWizard::next() {
    switch (page_) {
        case Page::system: {
            guest_.system = &system_kinds()[systems_.at()];
            list_media();
            page_ = Page::medium;
            return;
        }
        case Page::medium:
            choose_medium();
            return;
        case Page::file:
            take_file();
            return;
        case Page::settings:
            look_at_it();
            return;
        case Page::review:
            if (wrong_.empty()) create();
            return;
    }
}

void CreateWizard::seen() {
    if (!asked_servers_ || page_ != Page::medium) return;
    const size_t at = media_list_.at();
    list_media();
    media_list_.go_to(at);
    asked_servers_ = std::any_of(media_.begin(), media_.end(),
                                 [](const Medium& one) { return one.asks_servers; });
}

void CreateWizard::list_media() {
    size_t best = 0;
    media_ = media_for(app_, *guest_.system, best);
    std::vector<PickList::Line> lines;
    for (const Medium& one : media_)
        lines.push_back({one.label, one.note, one.help});
    media_list_.set(std::move(lines), best);
}

// The servers of templates are asked by a job, and then the list shows what they have.
void CreateWizard::ask_servers() {
    app_.carry_out(app_.command("image refresh"), {{}}, [this](const std::string& wrong) {
        wrong_ = wrong;
        if (wrong.empty()) asked_servers_ = true;
    });
}

void CreateWizard::choose_medium() {
    const Medium medium = media_[media_list_.at()];
    if (medium.asks_servers) return ask_servers();
    const bool other = filed_for_ != medium.label;
    guest_.from = medium.from;
    guest_.file = medium.file;
    guest_.named_after = medium.name;
    if (!medium.asks_file) {
        ask_settings();
        return;
    }
    if (other || file_.fields().empty()) file_.set(file_fields(app_, medium));
    filed_for_ = medium.label;
    page_ = Page::file;
}

// The file may be on a mount that does not answer.
void CreateWizard::take_file() {
    wrong_ = file_.problem();
    if (!wrong_.empty()) return;
    app_.wait_for(
        {.title = "Look at the file",
         .work = [file = file_.value("file"),
                  folder = guest_.system->container] { return file_problem(file, folder); },
         .done =
             [this](const std::string& wrong) {
                 wrong_ = wrong;
                 if (!wrong.empty()) return;
                 guest_.file = file_.value("file");
                 ask_settings();
             }});
}

void CreateWizard::ask_settings() {
    const std::string asked =
        fmt::format("{} {} {}", systems_.at(), static_cast<int>(guest_.from), guest_.file);
    if (asked != asked_for_) settings_.set(setting_fields(app_, guest_, settings_));
    asked_for_ = asked;
    page_ = Page::settings;
}

// The plan says what would be wrong before anything is done.
void CreateWizard::look_at_it() {
    wrong_ = settings_.problem();
    guest_.settings = settings_.values();
    if (wrong_.empty()) wrong_ = settings_problem(guest_);
    if (!wrong_.empty()) return;
    plan_ = {};
    const Command& command = app_.command(guest_.command());
    app_.wait_for({.title = "Make the plan",
                   .work =
                       [this, &command, words = guest_.words()] {
                           return plan_to_json(command.plan(app_.engine(), words));
                       },
                   .done =
                       [this](const std::string& text) {
                           plan_ = plan_from_json(text);
                           page_ = Page::review;
                       },
                   .failed =
                       [this](const Error& error) {
                           wrong_ = error.what();
                           page_ = Page::review;
                       }});
}

void CreateWizard::create() {
    const std::string name = guest_.settings.text("name", "");
    // Its warnings were read on the page before.
    Plan plan = plan_;
    plan.warnings.clear();
    const Risk risk = app_.command(guest_.command()).risk;
    close();
    app_.carry_out(risk, {std::move(plan)}, name);
}

}  // namespace

std::unique_ptr<Dialog> make_create_wizard(App& app) {
    return std::make_unique<CreateWizard>(app);
}

}  // namespace lodge
