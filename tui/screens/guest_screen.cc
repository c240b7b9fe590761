// The details' tab of a guest's graphical screen: as text where it shows text, else as a picture of
// cells, or of pixels where the terminal can.
#include <memory>

#include "engine/text.h"
#include "tui/app.h"
#include "tui/picture/guest_picture.h"
#include "tui/picture/pixels.h"
#include "tui/screens/guest_tab.h"

namespace lodge {
namespace {

constexpr std::string_view leave_key = "Ctrl-]";

class ScreenTab : public GuestTab {
  public:
    using GuestTab::GuestTab;

    void set(int guest) override {
        if (guest == guest_) return;
        guest_ = guest;
        open();
    }

    // What is not seen is not asked for.
    void shown(bool now) override {
        shown_ = now;
        open();
    }

    void draw(Area area, bool active) override {
        if (!picture_) return;
        const Area body = area.rows(0, area.height() - 1);
        if (with_pixels() && !app_.dialog_open())
            draw_pixels(body);
        else
            picture_->draw(body, app_.glyphs().level, app_.settings().colors);
        const Area line = area.row(area.height() - 1);
        line.fill(typing_ ? Role::bar : Role::normal);
        if (typing_) {
            const int x = line.put(1, 0, leave_key, Role::bar_key);
            line.put(x, 0, " leaves; every other key and the mouse go to the guest", Role::bar);
        } else if (active) {
            line.put(0, 0, "Enter Type  f Full screen  v Text or picture", Role::dim);
        }
    }

    bool key(const Key& key) override {
        if (!picture_) return false;
        if (typing_) {
            if (key.is(leave_key)) {
                typing_ = whole_ = false;
                clear_pixels();
            } else {
                picture_->write(key);
            }
            return true;
        }
        if (key.is("Enter") || key.is("f"))
            type(key.is("f"));
        else if (key.is("v"))
            picture_->prefer_text(text_ = !text_);
        else
            return false;
        return true;
    }

    bool takes_all_keys() const override { return typing_; }
    bool full_screen() const override { return whole_; }

  private:
    bool with_pixels() const {
        return app_.settings().pixels != PixelProtocol::none && app_.outside().raw && !text_ &&
               picture_->state() == GuestPicture::State::attached;
    }

    // The pixels go to the terminal once a frame or place, after the cells.
    void draw_pixels(const Area& body) {
        picture_->leave_room(body);
        const Rect at = picture_->drawn();
        if (at.width == 0 || (frame_ == picture_->frames() && at.x == at_.x && at.y == at_.y &&
                              at.width == at_.width && at.height == at_.height))
            return;
        frame_ = picture_->frames();
        at_ = at;
        app_.outside().raw(
            picture_at(app_.settings().pixels, picture_->picture(), at, app_.settings().cell));
    }

    void clear_pixels() {
        if (frame_ == 0) return;
        frame_ = 0;
        if (app_.settings().pixels == PixelProtocol::kitty) app_.outside().raw(kitty_removal());
        if (app_.outside().forget) app_.outside().forget();
    }

    void open() {
        typing_ = whole_ = false;
        if (picture_) clear_pixels();
        picture_.reset();
        if (guest_ == 0 || !shown_) return;
        picture_ = std::make_unique<GuestPicture>(app_.loop(), app_.engine(), guest_,
                                                  [this] { app_.redraw(); });
        picture_->prefer_text(text_);
        picture_->show(true);
    }

    void type(bool whole) {
        if (app_.refuses([this, whole] { type(whole); })) return;
        typing_ = true;
        whole_ = whole;
        clear_pixels();
    }

    int guest_ = 0;
    bool shown_ = false, typing_ = false, whole_ = false, text_ = true;
    uint64_t frame_ = 0;  // the one whose pixels are on the terminal
    Rect at_;
    std::unique_ptr<GuestPicture> picture_;
};

}  // namespace

std::unique_ptr<GuestTab> make_screen_tab(App& app) {
    return std::make_unique<ScreenTab>(app);
}

}  // namespace lodge
