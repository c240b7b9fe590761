#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "engine/engine.h"
#include "engine/text.h"
#include "engine/units.h"
#include "passthrough/findings.h"
#include "passthrough/report.h"
#include "passthrough/udev.h"
#include "tui/app.h"
#include "tui/screens/all.h"
#include "tui/screens/two_panes.h"
#include "tui/table.h"
#include "tui/text_view.h"

namespace lodge {
namespace {

constexpr int list_share = 58;

enum Shown : size_t { group, device, kind, name, verdict, driver, use };

const std::vector<Column> columns = {
    {.title = "GROUP", .width = 5},
    {.title = "DEVICE", .width = 7, .grow = 1},
    {.title = "KIND", .width = 16, .grow = 1},
    {.title = "NAME", .width = 10, .grow = 3, .rank = 6},
    {.title = "HANDED OVER", .width = 17},
    {.title = "DRIVER", .width = 8, .grow = 1, .rank = 7},
    {.title = "USE", .width = 14, .grow = 3, .rank = 2},
};

Role role_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::safe:
            return Role::good;
        case Verdict::care:
            return Role::warning;
        case Verdict::cuts_off:
            return Role::danger;
        case Verdict::impossible:
            break;
    }
    return Role::dim;
}

// Row is a PCI function or a USB device, with where it stands in its group.
struct Row {
    std::string id;
    const PciFunction* pci = nullptr;
    const UsbDevice* usb = nullptr;
    bool first = true, last = true;  // of the group
    Verdict verdict = Verdict::safe;
};

// DeviceRows is what could be handed over: PCI functions as a tree of IOMMU groups, then what is
// plugged in on USB.
class DeviceRows : public Rows {
  public:
    explicit DeviceRows(App& app) : app_(app) {}
    void look();
    const Inventory& inventory() const { return inventory_; }
    const Row& at(size_t row) const { return rows_[row]; }
    std::string details(const Row& row) const;

    size_t count() const override { return rows_.size(); }
    std::string id(size_t row) const override { return rows_[row].id; }
    TableCell cell(size_t row, size_t column) const override;
    std::optional<double> number(size_t row, size_t column) const override {
        return column == Shown::group ? std::optional<double>(static_cast<double>(row))
                                      : std::nullopt;
    }
    std::string words(size_t row) const override {
        std::string all;
        for (const size_t column :
             {Shown::device, Shown::kind, Shown::name, Shown::verdict, Shown::driver, Shown::use})
            all += cell(row, column).text + " ";
        return all;
    }

  private:
    TableCell usb_cell(const UsbDevice& usb, size_t column) const;
    std::string details(const UsbDevice& usb) const;
    std::string branch_of(const Row& row) const;
    App& app_;
    Inventory inventory_;
    std::vector<Row> rows_;
};

void DeviceRows::look() {
    Engine& engine = app_.engine();
    inventory_ = take_inventory(engine, look_around(engine.host), true);
    rows_.clear();
    for (const PciFunction& function : inventory_.pci)
        if (!function.is_bridge)
            rows_.push_back({.id = function.address,
                             .pci = &function,
                             .verdict = judge(engine, inventory_, {&function}).verdict});
    std::stable_sort(rows_.begin(), rows_.end(), [](const Row& one, const Row& two) {
        return static_cast<unsigned>(one.pci->group) < static_cast<unsigned>(two.pci->group);
    });
    for (size_t i = 0; i < rows_.size(); ++i) {
        const int group = rows_[i].pci->group;
        if (group < 0) continue;
        rows_[i].first = i == 0 || rows_[i - 1].pci->group != group;
        rows_[i].last = i + 1 == rows_.size() || rows_[i + 1].pci->group != group;
    }
    for (const UsbDevice& usb : inventory_.usb)
        if (!usb.hub) rows_.push_back({.id = usb.port, .usb = &usb});
}

std::string DeviceRows::branch_of(const Row& row) const {
    if (row.pci->group < 0) return "-";
    if (row.first) return std::to_string(row.pci->group);
    std::string branch = " ";
    append_character(branch, row.last ? app_.glyphs().branch_last : app_.glyphs().branch);
    return branch;
}

TableCell DeviceRows::usb_cell(const UsbDevice& usb, size_t column) const {
    switch (column) {
        case Shown::group:
            return {"USB", Role::dim};
        case Shown::device:
            return {usb.port, {}};
        case Shown::kind:
            return {"USB device", Role::dim};
        case Shown::name:
            return {printable(usb.words()), {}};
        case Shown::driver:
            return {printable(join(usb.drivers, ",")), Role::dim};
        case Shown::use: {
            const std::string claim = claim_words(usb);
            return {printable(claim.empty() ? uses_words(usb) : claim), {}};
        }
        default:
            return {"", {}};
    }
}

TableCell DeviceRows::cell(size_t row, size_t column) const {
    const Row& at = rows_[row];
    if (at.usb) return usb_cell(*at.usb, column);
    const PciFunction& function = *at.pci;
    switch (column) {
        case Shown::group:
            return {branch_of(at), Role::dim};
        case Shown::device:
            return {short_address(function.address), {}};
        case Shown::kind:
            return {function.class_name(), {}};
        case Shown::name:
            return {printable(function.name()), {}};
        case Shown::verdict:
            return {std::string(verdict_words(at.verdict)), role_of(at.verdict)};
        case Shown::driver:
            return {printable(function.driver), Role::dim};
        default: {
            const std::string claim = claim_words(function);
            return {printable(claim.empty() ? uses_words(function) : claim), {}};
        }
    }
}

std::string DeviceRows::details(const UsbDevice& usb) const {
    std::string text =
        fmt::format("{} [{}]\nport {}, {} Mbit/s\n", usb.words(), usb.ids(), usb.port, usb.speed);
    if (!usb.serial.empty()) text += "serial number " + usb.serial + "\n";
    if (!usb.drivers.empty()) text += "driver " + join(usb.drivers, ", ") + "\n";
    if (!usb.uses.empty()) text += "used as " + uses_words(usb) + "\n";
    if (!usb.wanted_by.empty()) text += claim_words(usb) + "\n";
    return text;
}

std::string DeviceRows::details(const Row& row) const {
    if (row.usb) return details(*row.usb);
    const PciFunction& function = *row.pci;
    const Judgement judgement = judge(app_.engine(), inventory_, {&function});
    std::string text = fmt::format("{} [{}]\n{}\n\n", function.name(), function.ids(),
                                   verdict_words(judgement.verdict));
    for (const PciFunction* one : judgement.along)
        text += fmt::format("goes along: {} {}\n", short_address(one->address), one->name());
    for (const Finding& one : judgement.findings) {
        text += fmt::format("{} {}: {}\n", one.severity == Severity::block ? "BLOCK" : "warn",
                            one.code, one.reason);
        text += fmt::format("  seen {}: {}\n", one.path, one.value.empty() ? "empty" : one.value);
        if (!one.way_out.empty()) text += fmt::format("  do: {}\n", one.way_out);
    }
    text += fmt::format("\ndriver {}\n", function.driver.empty() ? "none" : function.driver);
    for (const Use& use : function.uses)
        text += fmt::format("used as {}{}\n", use.name,
                            use.what.empty() ? "" : ": " + join(use.what, ", "));
    if (const std::string claim = claim_words(function); !claim.empty()) text += claim + "\n";
    if (const std::string link = link_words(function.link); !link.empty())
        text += "link " + link + "\n";
    if (function.reset_methods)
        text +=
            "reset by " +
            (function.reset_methods->empty() ? "nothing" : join(*function.reset_methods, ", ")) +
            "\n";
    if (!function.slot.empty()) text += "slot " + function.slot + "\n";
    return text;
}

constexpr OwnKey own[] = {
    {"Enter", "Details", "Opens what is known of the device; Esc comes back.", true},
    {"/", "Filter", "Shows only devices that fit: words, !word, re:expression.", true},
    {"Tab", "Other pane", "From the list to the details and back, where both are shown.", false},
    {"R", "Look again", "Looks at all devices anew.", false},
};

// DevicesScreen is what of this machine could be handed to guests, and what would come of it.
class DevicesScreen : public Screen {
  public:
    explicit DevicesScreen(App& app) : Screen(app), rows_(app), table_(columns, Shown::group) {}

    // All is read again when udev tells of a device that came, went or got another driver, and when
    // guests changed. Where nobody tells: when names came or went, and now and then.
    void look() override {
        hear_udev();
        const auto now = std::chrono::steady_clock::now();
        std::string names = names_now();
        if (names == names_ && (udev_ || now - looked_ < std::chrono::seconds(10))) return;
        names_ = std::move(names);
        looked_ = now;
        rows_.look();
        table_.update(rows_);
        shown_.clear();
        app_.redraw();
    }

    void seen() override {
        table_.update(rows_);
        if (!table_.selected()) panes_.go(false);
    }

    void draw(Area area) override {
        if (rows_.count() == 0) {
            area.put_centre(area.height() / 2, "There is no device that can be seen.", Role::dim);
            return;
        }
        const TwoPanes::Parts parts = panes_.lay_out(area, app_.glyphs(), list_share);
        if (parts.list) draw_list(*parts.list);
        if (parts.details) draw_details(*parts.details);
    }

    bool key(const Key& key) override {
        if (table_.types()) return table_.key(key, rows_);
        if (key.is("R")) {
            names_.clear();
            look();
            return true;
        }
        if (panes_.key(key, table_.selected().has_value())) return true;
        return panes_.in_details() ? view_.key(key) : table_.key(key, rows_);
    }

    Chosen chosen() override {
        Chosen chosen{.subject = "device", .things = {}};
        for (const size_t row : table_.chosen(rows_)) {
            const std::string id = short_address(rows_.at(row).id);
            chosen.things.push_back({.values = {{"device", id}}, .name = id, .title = id});
        }
        return chosen;
    }

    std::span<const OwnKey> own_keys() const override { return own; }

  private:
    void hear_udev() {
        const Host& host = app_.engine().host;
        // Events are the real machine's.
        if (udev_ || deaf_ || !host.system("").empty() || !host.exists("/run/udev/control")) return;
        deaf_ = true;  // where the next line throws, as it would again
        udev_.emplace(app_.loop(),
                      std::vector<UdevWatch::Filter>{
                          {"pci"}, {"usb", "usb_device"}, {"net"}, {"block"}, {"drm"}, {"hwmon"}},
                      [this](const UdevWatch::Event&) {
                          // A card that comes brings many.
                          soon_ = app_.loop().after(std::chrono::milliseconds(300),
                                                    std::chrono::milliseconds(100), [this] {
                                                        names_.clear();
                                                        if (&app_.screen() == this) look();
                                                    });
                      });
        deaf_ = false;
    }

    std::string names_now() const {
        if (udev_) return std::to_string(app_.state().generation(State::Part::guests));
        const Host& host = app_.engine().host;
        std::string all;
        for (const std::string& folder :
             {host.system("/sys/bus/pci/devices"), host.system("/sys/bus/usb/devices"),
              host.run_folder() + "/device"})
            all += join(host.list(folder), " ") + "\n";
        return all + std::to_string(app_.state().generation(State::Part::guests));
    }

    void draw_list(const Area& area) {
        const bool off = rows_.inventory().iommus.empty();
        const std::string order = table_.order_words();
        const std::string below =
            off ? "The IOMMU is off or missing: no device can be handed over." : order;
        const int lines = below.empty() ? 0 : 1;
        table_.draw(area.rows(0, area.height() - lines), rows_, app_.glyphs(),
                    !panes_.in_details());
        if (lines > 0) area.put(1, area.height() - 1, below, off ? Role::warning : Role::dim);
    }

    void draw_details(const Area& area) {
        const auto row = table_.selected();
        if (!row) return;
        const Row& at = rows_.at(*row);
        area.put(0, 0, printable(short_address(at.id)),
                 panes_.in_details() ? Role::strong : Role::heading);
        if (shown_ != at.id) {
            view_.set(rows_.details(at));
            shown_ = at.id;
        }
        view_.draw(area.rows(1, area.height() - 1));
    }

    DeviceRows rows_;
    Table table_;
    TwoPanes panes_;
    TextView view_;
    std::string shown_, names_;
    std::chrono::steady_clock::time_point looked_;
    std::optional<UdevWatch> udev_;
    bool deaf_ = false;
    Loop::Source soon_;
};

}  // namespace

std::unique_ptr<Screen> make_devices_screen(App& app) {
    return std::make_unique<DevicesScreen>(app);
}

}  // namespace lodge
