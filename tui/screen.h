#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/command.h"
#include "tui/canvas.h"
#include "tui/key.h"

namespace lodge {

class App;
class Dialog;

// Chosen is what a command would act on now: the row under the cursor, or the marked ones.
struct Chosen {
    struct Thing {
        Values values;      // the operands' values: {"guest", 101}
        std::string name;   // as a person knows it: "101 (web)"
        std::string title;  // what has to be typed before it is destroyed: "web"
    };
    std::string_view subject;  // of the commands that make sense: "guest", "" for none
    std::vector<Thing> things;
};

// OwnKey is a key that only one screen knows, for the bottom line and the help.
struct OwnKey {
    std::string_view key;    // "/"
    std::string_view label;  // "Filter"
    std::string_view help;   // one sentence
    bool in_bar = false;
};

// Screen is one of the numbered screens: it draws what State last saw of its things, and takes the
// keys that the app has no use for.
class Screen {
  public:
    explicit Screen(App& app) : app_(app) {}
    virtual ~Screen() = default;
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    // State is looking: asks it for what only this screen shows. Not called while a dialog is open,
    // so that nothing moves under it.
    virtual void look() {}
    // State has looked again, and something is otherwise than before. Not under a dialog either.
    virtual void seen() {}
    virtual void draw(Area area) = 0;
    // Whether it had a use for the key.
    virtual bool key(const Key& key) = 0;
    virtual Chosen chosen() { return {}; }
    virtual std::span<const OwnKey> own_keys() const { return {}; }
    // A command of the table that this screen does in its own way (the console in a pane).
    // Whether it did.
    virtual bool runs(const Command& /*command*/) { return false; }
    // Every key goes here first: a guest's console has the keyboard.
    virtual bool takes_all_keys() const { return false; }
    // It has the whole of the terminal: no line at the top or the bottom.
    virtual bool full_screen() const { return false; }
    // A guest that somebody here has just made: the cursor goes there.
    virtual void select_guest(int /*id*/) {}
    // What is worth saying of the row under the cursor, in the line above the bottom one, while
    // there is nothing else to be said there; "" for nothing.
    virtual std::string hint() { return ""; }
    // What would be lost by quitting, in words; "" for nothing.
    virtual std::string unsaved() const { return ""; }
    // It is shown, or no longer: what it watches only then.
    virtual void shown(bool /*now*/) {}

  protected:
    App& app_;
};

// ScreenKind is a line of the table of screens (tui/screens/all.cc): its number is its place.
struct ScreenKind {
    std::string_view name;  // "Guests"
    char number;            // the key
    std::string_view help;  // one sentence
    std::unique_ptr<Screen> (*make)(App&);
};
std::span<const ScreenKind> screen_kinds();

// OwnDialog is a line of the table of commands that have a dialog of their own instead of a form of
// their words (tui/screens/all.cc).
struct OwnDialog {
    std::string_view subject, verb;
    std::unique_ptr<Dialog> (*make)(App&);
};
std::span<const OwnDialog> own_dialogs();

// Whether what a command shows may hold passwords and keys, a guest's configuration: not for
// everybody before a locked console (tui/screens/all.cc).
bool shows_secrets(const Command& command);

}  // namespace lodge
