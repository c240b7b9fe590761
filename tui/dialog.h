#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/wrap.h"
#include "tui/canvas.h"
#include "tui/key.h"
#include "tui/text_field.h"
#include "tui/text_view.h"

namespace lodge {

class App;

// Dialog is a box over the screen. It has all keys while it is the uppermost one.
class Dialog {
  public:
    explicit Dialog(App& app) : app_(app) {}
    virtual ~Dialog() = default;
    Dialog(const Dialog&) = delete;
    Dialog& operator=(const Dialog&) = delete;

    virtual void draw(Area whole) = 0;
    virtual void key(const Key& key) = 0;
    // Printable keys type into it: then "q" or "?" mean nothing else.
    virtual bool types() const { return false; }
    // State has looked again.
    virtual void seen() {}
    // Something that it began is still on its way.
    virtual bool waits() const { return false; }
    bool closed() const { return closed_; }
    void close() { closed_ = true; }

  protected:
    App& app_;

  private:
    bool closed_ = false;
};

// The box in the middle of the screen: at most `width` x `height` cells of its inside, less where
// the screen is smaller. Draws the frame, and `keys` in its lower edge; returns the inside.
Area draw_box(App& app, Area whole, int width, int height, std::string_view title,
              std::string_view keys);

// Words to be read: an error, a report, a plan. Scrolls, searches; Esc, Enter or q close it.
std::unique_ptr<Dialog> text_dialog(App& app, std::string title, std::string text);

// A question. `plan` is what the key p shows; "" for none. Enter does nothing; y does `yes`.
struct Question {
    std::string title;  // "Stop 101 (web)"
    std::string words;  // what happens, what is lost
    std::string plan;
    std::string name;  // has to be typed when not empty
};
std::unique_ptr<Dialog> ask_dialog(App& app, Question question, std::function<void()> yes);

// Choice is a line of a list to choose from.
struct Choice {
    std::string label;
    std::string key = {};   // shown at the right
    std::string note = {};  // why it can't be chosen now; it is shown dimmed and says so
    std::string help = {};  // shown below the list
    bool heading = false;
    bool current = false;  // the cursor begins here
    std::function<void()> chosen = {};
    std::function<void()> other = {};  // the key Tab: with its options
};
// A list to choose from; `fuzzy`: what is typed narrows it (the palette).
std::unique_ptr<Dialog> choice_dialog(App& app, std::string title, std::vector<Choice> choices,
                                      bool fuzzy);

// How well `text` fits what was typed: every character in order; more for beginnings of words and
// for runs. 0 when it does not fit.
int fuzzy_score(std::string_view typed, std::string_view text);

}  // namespace lodge
