#include "tui/create/wizard.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/error.h"
#include "engine/text.h"
#include "engine/units.h"
#include "tui/app.h"
#include "tui/create/steps.h"
#include "tui/pick_list.h"

namespace lodge {
namespace {

class CreateWizard : public Dialog {
  public:
    explicit CreateWizard(App& app)
        : Dialog(app), file_(app), settings_(app), steps_({app.engine(), app.state()}) {
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
    Form file_, settings_;
    CreateSteps steps_;
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
    for (const auto& [name, words] : guest_lines(steps_.guest())) {
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
            page_ = steps_.medium().asks_file ? Page::file : Page::medium;
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
            steps_.choose_system(system_kinds()[systems_.at()]);
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
    steps_.list_media();
    list_media();
    media_list_.go_to(at);
    asked_servers_ = std::any_of(steps_.media().begin(), steps_.media().end(),
                                 [](const Medium& one) { return one.asks_servers; });
}

void CreateWizard::list_media() {
    std::vector<PickList::Line> lines;
    for (const Medium& one : steps_.media())
        lines.push_back({one.label, one.note, one.help});
    media_list_.set(std::move(lines), steps_.best());
}

// The servers of templates are asked by a job, and then the list shows what they have.
void CreateWizard::ask_servers() {
    app_.carry_out(app_.command("image refresh"), {{}}, [this](const std::string& wrong) {
        wrong_ = wrong;
        if (wrong.empty()) asked_servers_ = true;
    });
}

void CreateWizard::choose_medium() {
    if (steps_.media()[media_list_.at()].asks_servers) return ask_servers();
    steps_.choose_medium(media_list_.at());
    const Medium& medium = steps_.medium();
    const bool other = filed_for_ != medium.label;
    if (!medium.asks_file) {
        ask_settings();
        return;
    }
    if (other || file_.fields().empty()) file_.set(steps_.file_fields());
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
                  folder = steps_.guest().system->container] { return file_problem(file, folder); },
         .done =
             [this](const std::string& wrong) {
                 wrong_ = wrong;
                 if (!wrong.empty()) return;
                 steps_.take_file(file_.value("file"));
                 ask_settings();
             }});
}

void CreateWizard::ask_settings() {
    const NewGuest& guest = steps_.guest();
    const std::string asked =
        fmt::format("{} {} {}", systems_.at(), static_cast<int>(guest.from), guest.file);
    if (asked != asked_for_)
        settings_.set(steps_.setting_fields([this] { return settings_.value("storage"); }));
    asked_for_ = asked;
    page_ = Page::settings;
}

// The plan says what would be wrong before anything is done.
void CreateWizard::look_at_it() {
    wrong_ = settings_.problem();
    const std::string together = steps_.take_settings(settings_.values());
    if (wrong_.empty()) wrong_ = together;
    if (!wrong_.empty()) return;
    plan_ = {};
    const Command& command = app_.command(steps_.guest().command());
    app_.wait_for({.title = "Make the plan",
                   .work =
                       [this, &command, words = steps_.guest().words()] {
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
    const std::string name = steps_.guest().settings.text("name", "");
    // Its warnings were read on the page before.
    Plan plan = plan_;
    plan.warnings.clear();
    const Risk risk = app_.command(steps_.guest().command()).risk;
    close();
    app_.carry_out(risk, {std::move(plan)}, name);
}

}  // namespace

std::unique_ptr<Dialog> make_create_wizard(App& app) {
    return std::make_unique<CreateWizard>(app);
}

}  // namespace lodge
